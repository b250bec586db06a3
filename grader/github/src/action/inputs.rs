//! The Action's inputs, as `action.yml` describes them.

use std::time::Duration;

use grader_model::Level;
use grader_report::Format;
use url::Url;

use crate::place::is_safe;

/// What a workflow asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Inputs {
    /// A built-in assessment's name, or a file. A service chooses its own.
    pub spec: Option<String>,
    /// Whether hidden probes run as well where there is no service; they are never shown.
    pub all: bool,
    pub level: Option<Level>,
    /// Percent.
    pub fail_under: Option<f64>,
    /// A service that holds the hidden part.
    pub server: Option<Url>,
    /// Which files are left for the upload.
    pub formats: Vec<Format>,
    /// The folder of the checkout that holds the submission.
    pub path: Option<String>,
    /// Whether drafts are graded.
    pub drafts: bool,
    /// How long a service is waited for.
    pub timeout: Duration,
}

/// An input that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the input `{name}` is `{value}`: {hint}")]
pub struct InputError {
    pub name: &'static str,
    pub value: String,
    pub hint: &'static str,
}

/// Minutes that a service is waited for where nothing is said.
const TIMEOUT: u64 = 60;

impl Inputs {
    /// Reads the inputs by `get`, which is given the name of an environment variable: `INPUT_FAIL_UNDER` or, as the
    /// runner spells it for Actions in containers, `INPUT_FAIL-UNDER`. An empty input counts as absent.
    ///
    /// # Errors
    /// [`InputError`] for the first that is wrong.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, InputError> {
        let input = |name: &str| {
            let upper = name.to_ascii_uppercase();
            let value = get(&format!("INPUT_{}", upper.replace('-', "_"))).or_else(|| get(&format!("INPUT_{upper}")));
            value.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        let wrong = |name, value: String, hint| InputError { name, value: value.chars().take(200).collect(), hint };
        let all = match input("visibility").as_deref() {
            None | Some("public") => false,
            Some("all") => true,
            Some(other) => return Err(wrong("visibility", other.to_owned(), "write public or all")),
        };
        let level = match input("level").as_deref() {
            None => None,
            Some("junior") => Some(Level::Junior),
            Some("mid") => Some(Level::Mid),
            Some("senior") => Some(Level::Senior),
            Some(other) => return Err(wrong("level", other.to_owned(), "write junior, mid or senior")),
        };
        let fail_under = input("fail-under")
            .map(|value| match value.parse::<f64>() {
                Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(percent),
                _ => Err(wrong("fail-under", value, "write a percentage of 0 to 100")),
            })
            .transpose()?;
        let server = input("server")
            .map(|value| match Url::parse(&value) {
                Ok(url) if is_safe(&url) => Ok(url),
                _ => Err(wrong(
                    "server",
                    value,
                    "write https://HOST; the token that is sent there must not be read by others",
                )),
            })
            .transpose()?;
        let mut formats = Vec::new();
        for name in input("format").unwrap_or_else(|| "html,json,markdown".to_owned()).split([',', ' ', '\n']) {
            match name.parse() {
                Ok(Format::Terminal) | Err(_) if !name.is_empty() => {
                    return Err(wrong("format", name.to_owned(), "choose among html, json, markdown, junit and sarif"));
                }
                Ok(format) if !formats.contains(&format) => formats.push(format),
                _ => {}
            }
        }
        let path = input("path").filter(|path| path != ".");
        if let Some(path) =
            path.as_ref().filter(|path| path.starts_with('/') || path.split('/').any(|part| part == ".."))
        {
            return Err(wrong("path", path.clone(), "write a folder inside the checkout"));
        }
        let drafts = match input("drafts").as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(other) => return Err(wrong("drafts", other.to_owned(), "write true or false")),
        };
        let minutes = input("timeout-minutes")
            .map(|value| match value.parse::<u64>() {
                Ok(minutes @ 1..=360) => Ok(minutes),
                _ => Err(wrong("timeout-minutes", value, "write 1 to 360")),
            })
            .transpose()?;
        Ok(Inputs {
            spec: input("spec"),
            all,
            level,
            fail_under,
            server,
            formats,
            path,
            drafts,
            timeout: Duration::from_secs(60 * minutes.unwrap_or(TIMEOUT)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(inputs: &[(&str, &str)]) -> Result<Inputs, InputError> {
        Inputs::read(|name| inputs.iter().find(|(it, _)| *it == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn nothing_asked_for_is_the_public_part() {
        let inputs = read(&[("INPUT_SPEC", ""), ("INPUT_PATH", ".")]).unwrap();
        assert!(!inputs.all && inputs.server.is_none() && !inputs.drafts && inputs.path.is_none());
        assert_eq!(inputs.formats, [Format::Html, Format::Json, Format::Markdown]);
        assert_eq!(inputs.timeout, Duration::from_secs(3600));
    }

    #[test]
    fn both_spellings_of_a_name_are_read() {
        for name in ["INPUT_FAIL-UNDER", "INPUT_FAIL_UNDER"] {
            assert_eq!(read(&[(name, " 70 ")]).unwrap().fail_under, Some(70.0));
        }
        let inputs =
            read(&[("INPUT_FORMAT", "sarif, junit sarif"), ("INPUT_LEVEL", "mid"), ("INPUT_PATH", "api")]).unwrap();
        assert_eq!(inputs.formats, [Format::Sarif, Format::Junit]);
        assert_eq!((inputs.level, inputs.path.as_deref()), (Some(Level::Mid), Some("api")));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (variable, value, name) in [
            ("INPUT_VISIBILITY", "hidden", "visibility"),
            ("INPUT_LEVEL", "lead", "level"),
            ("INPUT_FAIL_UNDER", "101", "fail-under"),
            ("INPUT_FAIL_UNDER", "NaN", "fail-under"),
            ("INPUT_SERVER", "http://grader.test", "server"),
            ("INPUT_SERVER", "https://user@grader.test", "server"),
            ("INPUT_FORMAT", "html,pdf", "format"),
            ("INPUT_FORMAT", "terminal", "format"),
            ("INPUT_PATH", "../x", "path"),
            ("INPUT_PATH", "/etc", "path"),
            ("INPUT_DRAFTS", "yes", "drafts"),
            ("INPUT_TIMEOUT_MINUTES", "0", "timeout-minutes"),
        ] {
            assert_eq!(read(&[(variable, value)]).unwrap_err().name, name, "{variable}={value}");
        }
        assert!(read(&[("INPUT_SERVER", "http://127.0.0.1:8080")]).is_ok());
    }
}
