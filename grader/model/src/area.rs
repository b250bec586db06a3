//! The seven areas of the skill matrix, by the names that reports and the question bank use.

/// In the order in which reports show them.
pub const AREAS: [&str; 7] =
    ["API design", "Database", "System design", "Error handling", "Testing", "Security", "DevOps"];
