//! The bank of interview questions: one reviewed file for every assessment, `specs/questions.yaml`.
//!
//! A question knows the probes whose evidence leads to it and nothing of a domain: words such as the main resource's name
//! come from the assessment when the question is asked. Which questions are asked is not decided here.

use std::collections::HashSet;

use grader_model::{AREAS, Level, catalogue_entry};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::locate::locate;
use crate::{Mistake, Place, Spec, SpecError};

/// The value of `schema` in every bank of this shape.
pub const BANK_SCHEMA: &str = "grader.questions/1";

const BUILT_IN: &str = include_str!("../../../specs/questions.yaml");

/// Characters that a question and its answers have at least.
const SHORTEST: usize = 15;

/// Questions with what their answers tell.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuestionBank {
    /// Always `grader.questions/1`.
    pub schema: String,
    /// In the order in which equally fitting ones are asked.
    pub questions: Vec<BankQuestion>,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BankQuestion {
    /// Lower-case letters, digits and hyphens; unique in the bank.
    pub id: String,
    /// An area of the skill matrix, by its name.
    pub area: String,
    /// The seniority that a strong answer shows.
    pub level: Level,
    /// Probes of the catalogue whose evidence leads to it.
    pub probes: Vec<String>,
    pub asked: Asked,
    /// What is asked. `{main}`, `{mains}`, `{transaction}`, `{transactions}`, `{stock}`, `{price}` and `{unique}` stand
    /// for the assessment's own words; a question with a word that the assessment lacks is not asked.
    pub question: String,
    /// What a strong answer contains.
    pub strong: String,
    /// What a weak answer sounds like.
    pub weak: String,
}

/// When a question is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Asked {
    /// After a defect that one of its probes found.
    Finding,
    /// After its measured probes passed, to see whether what was shown is understood.
    Pass,
}

/// The words that a spec gives to questions.
#[derive(Debug, Clone, Default)]
pub struct Words {
    words: Vec<(&'static str, String)>,
}

/// Names of the places to fill in.
const PLACEHOLDERS: [&str; 7] = ["main", "mains", "transaction", "transactions", "stock", "price", "unique"];

impl Words {
    /// The words of an assessment's domain. A resource's plural is the first name that a spec tries for it.
    pub fn of(spec: &Spec) -> Self {
        let domain = &spec.domain;
        let spaced = |word: &str| word.replace(['_', '-'], " ");
        let mut words = vec![("main", spaced(&domain.main))];
        let plural = |id: &str| domain.resources.get(id).and_then(|resource| resource.names.first());
        words.extend(plural(&domain.main).map(|name| ("mains", spaced(name))));
        if let Some(id) = &domain.transaction {
            words.push(("transaction", spaced(id)));
            words.extend(plural(id).map(|name| ("transactions", spaced(name))));
            if let Some(lines) = domain.resources.get(id).and_then(|resource| resource.lines.as_ref()) {
                words.extend([("stock", spaced(&lines.stock)), ("price", spaced(&lines.price))]);
            }
        }
        let unique = domain.resources.get(&domain.main).and_then(|main| main.fields.iter().find(|(_, f)| f.unique));
        words.extend(unique.map(|(id, _)| ("unique", spaced(id))));
        Words { words }
    }

    /// A text with its places filled in; `None` where the assessment has no word for one.
    pub fn fill(&self, text: &str) -> Option<String> {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}')?;
            let word = &self.words.iter().find(|(known, _)| *known == name)?.1;
            filled.push_str(before);
            let article = before.ends_with(" a ") || matches!(before, "a " | "A ") || before.ends_with(" A ");
            if article && word.starts_with(['a', 'e', 'i', 'o']) {
                filled.insert(filled.len() - 1, 'n');
            }
            filled.push_str(word);
            rest = after;
        }
        filled.push_str(rest);
        Some(filled)
    }
}

/// The bank that ships with the binary.
///
/// # Errors
/// [`SpecError::Mistaken`]; the bank that ships has none, as a test proves.
pub fn load_questions() -> Result<QuestionBank, SpecError> {
    load_bank("questions (built in)", BUILT_IN)
}

/// Parses and checks the text of a bank.
///
/// # Errors
/// [`SpecError::Mistaken`] with every mistake that was found.
pub fn load_bank(origin: &str, text: &str) -> Result<QuestionBank, SpecError> {
    let mistaken = |mistakes| SpecError::Mistaken { origin: origin.to_owned(), mistakes };
    let bank: QuestionBank =
        serde_yaml::from_str(text).map_err(|error| mistaken(vec![crate::source::unreadable(&error)]))?;
    let mistakes = check_bank(&bank, text);
    if mistakes.is_empty() { Ok(bank) } else { Err(mistaken(mistakes)) }
}

/// Every mistake of `bank`, whose text is `text`, in the order of the file.
pub fn check_bank(bank: &QuestionBank, text: &str) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    let mut report = |path: &[&str], message: String, hint: &str| {
        let place: Place = locate(text, path);
        mistakes.push(Mistake { place, path: path.join("."), message, hint: hint.to_owned() });
    };
    if bank.schema != BANK_SCHEMA {
        report(&["schema"], format!("unknown schema `{}`", bank.schema), "write `grader.questions/1`");
    }
    let mut ids = HashSet::new();
    for (index, question) in bank.questions.iter().enumerate() {
        let index = index.to_string();
        let at = |key: &'static str| ["questions", index.as_str(), key];
        let sound = question.id.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if question.id.is_empty() || !sound {
            report(&at("id"), "an id is lower-case letters, digits and hyphens".to_owned(), "");
        }
        if !ids.insert(question.id.as_str()) {
            report(&at("id"), format!("question `{}` stands twice", question.id), "");
        }
        if !AREAS.contains(&question.area.as_str()) {
            report(&at("area"), format!("the matrix has no area `{}`", question.area), &AREAS.join(", "));
        }
        if question.probes.is_empty() {
            report(&at("probes"), "a question is tied to at least one probe".to_owned(), "");
        }
        for probe in question.probes.iter().filter(|probe| catalogue_entry(probe).is_none()) {
            report(&at("probes"), format!("the catalogue has no probe `{probe}`"), "");
        }
        for (key, text) in [("question", &question.question), ("strong", &question.strong), ("weak", &question.weak)] {
            if text.trim().chars().count() < SHORTEST {
                report(&at(key), "this says too little to judge an answer by".to_owned(), "");
            }
            for unknown in unknown_places(text) {
                report(&at(key), format!("`{{{unknown}}}` stands for nothing"), &PLACEHOLDERS.join(", "));
            }
        }
    }
    mistakes.sort_by_key(|mistake| (mistake.place.line, mistake.place.column));
    mistakes
}

fn unknown_places(text: &str) -> Vec<&str> {
    text.split('{')
        .skip(1)
        .map(|rest| rest.split('}').next().unwrap_or(rest))
        .filter(|name| !PLACEHOLDERS.contains(name))
        .collect()
}

/// The JSON Schema of banks, pretty-printed: what `specs/questions.schema.json` holds.
pub fn questions_schema() -> String {
    let schema = schemars::schema_for!(QuestionBank);
    format!("{:#}\n", schema.to_value())
}
