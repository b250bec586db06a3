//! What a verdict rests on, in a form that a reviewer can check by hand.
//!
//! Evidence is written after volatile values (tokens, generated ids, times) were named by the recorder, so that two
//! runs of one tree carry the same evidence.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One piece of evidence under a finding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Evidence {
    /// A request and what came back.
    Exchange(Box<Exchange>),
    /// A statement sent to the submission's database and its first rows, every value as text.
    Sql {
        query: String,
        columns: Vec<String>,
        rows: Vec<Vec<String>>,
        /// Set when more rows came than are shown.
        truncated: bool,
    },
    /// A place in the checked-out tree. `line` counts from 1.
    File {
        path: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        line: Option<u32>,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        excerpt: String,
    },
    /// Lines of a container's log.
    Log { service: String, lines: Vec<String> },
    /// A measured fact that is none of the above (a count, a decoded token).
    Note { text: String },
}

impl Evidence {
    pub fn note(text: impl Into<String>) -> Self {
        Evidence::Note { text: text.into() }
    }

    pub fn file(path: impl Into<String>, line: Option<u32>, excerpt: impl Into<String>) -> Self {
        Evidence::File { path: path.into(), line, excerpt: excerpt.into() }
    }
}

/// An HTTP request, its answer, and the `curl` line that repeats it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Exchange {
    /// Position in the run's record, from 1; two findings that show the same exchange show the same number.
    pub number: u32,
    pub request: RequestPart,
    pub response: ResponsePart,
    /// A shell line that repeats the request; credentials are variables such as `$TOKEN_A`.
    pub curl: String,
    /// From the request's first byte to the answer's last, in milliseconds.
    pub millis: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RequestPart {
    pub method: String,
    /// Path and query; the host is the stack's own and says nothing.
    pub target: String,
    pub headers: Vec<Header>,
    /// Body as text, cut at 4 KiB.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ResponsePart {
    /// The status code; 0 when no answer came, and `body` then says why.
    pub status: u16,
    pub headers: Vec<Header>,
    /// Body as text, cut at 4 KiB; bytes that are no UTF-8 are replaced.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// Set when the body was longer than what is shown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Header {
    pub name: String,
    pub value: String,
}
