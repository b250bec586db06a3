//! How alike the submissions of one cohort are, schema `grader.similarity/1`. For a person to read: never points.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The value of `schema` in every document of this shape.
pub const SIMILARITY_SCHEMA: &str = "grader.similarity/1";

/// The submissions of a cohort, and their pairs by how much of the code of one stands in the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Similarity {
    /// Always [`SIMILARITY_SCHEMA`].
    pub schema: String,
    pub submissions: Vec<ComparedSubmission>,
    /// The most alike first; pairs that share nothing are left out.
    pub pairs: Vec<SimilarPair>,
    /// The median of `similarity` over all pairs of the cohort, 0 to 1: what is usual among them.
    pub usual: f64,
}

/// A submission as it was compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ComparedSubmission {
    pub name: String,
    /// Source files that were read.
    pub files: usize,
    /// Tokens of those files, imports and comments left out.
    pub tokens: usize,
    /// Of these, tokens in passages of the starter template.
    pub template: usize,
    /// Of these, tokens in passages that much of the cohort has: what the framework or the task makes everybody write.
    pub common: usize,
}

impl ComparedSubmission {
    /// Tokens that are held against the other submissions.
    pub fn own(&self) -> usize {
        self.tokens.saturating_sub(self.template + self.common)
    }
}

/// Two submissions that share code.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SimilarPair {
    /// Index into the submissions.
    pub a: usize,
    /// Index into the submissions; always after `a`.
    pub b: usize,
    /// The greater of the two shares, 0 to 1.
    pub similarity: f64,
    /// The share of the own code of `a` that stands in `b`, 0 to 1.
    pub share_a: f64,
    /// The share of the own code of `b` that stands in `a`, 0 to 1.
    pub share_b: f64,
    /// Tokens that both have.
    pub tokens: usize,
    /// Where, the longest first.
    pub places: Vec<SimilarPlace>,
}

/// A passage that two submissions have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SimilarPlace {
    pub a: Passage,
    pub b: Passage,
    /// Tokens that agree.
    pub tokens: usize,
    /// The share of the names in it that are the same in both, 0 to 1: low where names were changed.
    pub same_names: f64,
}

/// Lines of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Passage {
    pub path: String,
    /// From 1.
    pub first_line: u32,
    /// From 1, included.
    pub last_line: u32,
    /// The lines themselves, bounded; empty where nobody asked for them.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub excerpt: String,
}
