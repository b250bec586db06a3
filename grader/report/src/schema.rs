//! The JSON Schema of a report, made from the model's own types.

use grader_model::Report;

/// The schema that `specs/report.schema.json` holds: JSON Schema 2020-12, indented, with a last line break.
pub fn report_schema() -> String {
    let schema = schemars::schema_for!(Report);
    // A schema is a JSON value already; its display form cannot fail.
    format!("{:#}\n", schema.as_value())
}
