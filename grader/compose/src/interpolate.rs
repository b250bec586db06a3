//! Variables of a whole document completed, and the texts that stand where a number or boolean is wanted read as such.

use crate::document::{Node, Value};
use crate::error::{ComposeError, ErrorKind};
use crate::template::{Allowance, TemplateError, Variables, substitute};
use crate::tree_path::TreePath;

/// What a text is read as at some place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cast {
    Int,
    Float,
    Bool,
}

/// Where texts are read as something else. Places of the reference.
const CASTS: &[(&str, Cast)] = &[
    ("services.*.cpu_count", Cast::Int),
    ("services.*.cpu_percent", Cast::Float),
    ("services.*.cpu_period", Cast::Int),
    ("services.*.cpu_quota", Cast::Int),
    ("services.*.cpu_rt_period", Cast::Int),
    ("services.*.cpu_rt_runtime", Cast::Int),
    ("services.*.cpus", Cast::Float),
    ("services.*.cpu_shares", Cast::Int),
    ("services.*.init", Cast::Bool),
    ("services.*.deploy.replicas", Cast::Int),
    ("services.*.deploy.update_config.parallelism", Cast::Int),
    ("services.*.deploy.update_config.max_failure_ratio", Cast::Float),
    ("services.*.deploy.rollback_config.parallelism", Cast::Int),
    ("services.*.deploy.rollback_config.max_failure_ratio", Cast::Float),
    ("services.*.deploy.restart_policy.max_attempts", Cast::Int),
    ("services.*.deploy.placement.max_replicas_per_node", Cast::Int),
    ("services.*.healthcheck.retries", Cast::Int),
    ("services.*.healthcheck.disable", Cast::Bool),
    ("services.*.oom_kill_disable", Cast::Bool),
    ("services.*.oom_score_adj", Cast::Int),
    ("services.*.pids_limit", Cast::Int),
    ("services.*.ports.[].target", Cast::Int),
    ("services.*.privileged", Cast::Bool),
    ("services.*.read_only", Cast::Bool),
    ("services.*.scale", Cast::Int),
    ("services.*.stdin_open", Cast::Bool),
    ("services.*.tty", Cast::Bool),
    ("services.*.ulimits.*", Cast::Int),
    ("services.*.ulimits.*.hard", Cast::Int),
    ("services.*.ulimits.*.soft", Cast::Int),
    ("services.*.volumes.[].read_only", Cast::Bool),
    ("services.*.volumes.[].volume.nocopy", Cast::Bool),
    ("networks.*.external", Cast::Bool),
    ("networks.*.internal", Cast::Bool),
    ("networks.*.attachable", Cast::Bool),
    ("networks.*.enable_ipv4", Cast::Bool),
    ("networks.*.enable_ipv6", Cast::Bool),
    ("volumes.*.external", Cast::Bool),
    ("secrets.*.external", Cast::Bool),
    ("configs.*.external", Cast::Bool),
];

/// Completes every text of the document in place. Keys are not completed. `unset` hears of variables without a value.
///
/// # Errors
/// The first text that cannot be completed or read.
pub(crate) fn interpolate(
    root: &mut Node,
    variables: &dyn Variables,
    allowance: &Allowance,
    unset: &mut dyn FnMut(&str),
) -> Result<(), ComposeError> {
    walk(root, &TreePath::default(), &mut |node, path| {
        let Value::String(text) = &node.value else { return Ok(()) };
        let completed = substitute(text, variables, allowance, unset)
            .map_err(|error| template_error(error, text).at(&node.place).on(path))?;
        let cast = CASTS.iter().find(|(pattern, _)| path.matches(pattern)).map(|&(_, cast)| cast);
        node.value = match cast {
            None => Value::String(completed),
            Some(cast) => read_as(cast, &completed).map_err(|kind| ComposeError::new(kind).at(&node.place).on(path))?,
        };
        Ok(())
    })
}

/// Completes one text outside a document.
///
/// # Errors
/// As [`interpolate`].
pub(crate) fn template_error(error: TemplateError, text: &str) -> ComposeError {
    match error {
        TemplateError::Invalid => ComposeError::new(ErrorKind::BadInterpolation(text.to_owned()))
            .hint("write `$$` for a dollar sign that is not the start of a variable"),
        TemplateError::Required { name, message } => {
            let hint = format!("set {name} in `.env` or give it a default, `${{{name}:-value}}`");
            ComposeError::new(ErrorKind::RequiredVariable { name, message }).hint(hint)
        }
        TemplateError::TooDeep => {
            ComposeError::new(ErrorKind::Budget { what: "levels of variables in one another", limit: 32 })
        }
        TemplateError::TooLong => {
            ComposeError::new(ErrorKind::Budget { what: "bytes after interpolation", limit: crate::load::MADE_BYTES })
        }
    }
}

fn walk(
    node: &mut Node,
    path: &TreePath,
    visit: &mut dyn FnMut(&mut Node, &TreePath) -> Result<(), ComposeError>,
) -> Result<(), ComposeError> {
    match &mut node.value {
        Value::Seq(items) => {
            items.iter_mut().enumerate().try_for_each(|(index, item)| walk(item, &path.item(index), visit))
        }
        Value::Map(map) => map.iter_mut().try_for_each(|(key, value)| walk(value, &path.child(key), visit)),
        _ => visit(node, path),
    }
}

fn read_as(cast: Cast, text: &str) -> Result<Value, ErrorKind> {
    let invalid = |wanted: &str| ErrorKind::Invalid(format!("`{text}` is not {wanted}"));
    match cast {
        Cast::Int => text.parse().map(Value::Int).map_err(|_| invalid("an integer")),
        Cast::Float => text.parse().map(Value::Float).map_err(|_| invalid("a number")),
        Cast::Bool => parse_bool(text).map(Value::Bool).ok_or_else(|| invalid("a boolean")),
    }
}

/// A boolean in any of YAML 1.1's words.
pub(crate) fn parse_bool(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "y" | "yes" | "on" => Some(true),
        "false" | "n" | "no" | "off" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Budget;

    fn complete(text: &str) -> Result<Node, ComposeError> {
        let mut root = crate::yaml::parse(text, "compose.yaml", &Budget::default())?.remove(0).root;
        let variables = |name: &str| (name == "N").then(|| "3".to_owned());
        interpolate(&mut root, &variables, &Allowance::new(1 << 16), &mut |_| {})?;
        Ok(root)
    }

    #[test]
    fn texts_are_cast_where_the_reference_casts_them() {
        let root =
            complete("services:\n  a:\n    tty: 'yes'\n    scale: $N\n    image: $N\n    cpus: '0.5'\n").unwrap();
        let a = root.get("services").unwrap().get("a").unwrap();
        assert_eq!(a.get("tty").unwrap().value, Value::Bool(true));
        assert_eq!(a.get("scale").unwrap().value, Value::Int(3));
        assert_eq!(a.get("image").unwrap().value, Value::String("3".to_owned()));
        assert_eq!(a.get("cpus").unwrap().value, Value::Float(0.5));
    }

    #[test]
    fn mistakes_have_a_place_and_a_path() {
        let error = complete("services:\n  a:\n    scale: many\n").unwrap_err();
        assert_eq!(error.to_string(), "compose.yaml:3:5: services.a.scale: `many` is not an integer");
        let error = complete("services:\n  a:\n    image: ${X:?which}\n").unwrap_err();
        assert_eq!((error.code(), error.hint.is_some()), ("compose.required_variable", true));
    }
}
