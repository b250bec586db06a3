//! The languages that have a grammar here, and how a file's name tells them.

/// A language with a grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Language {
    Python,
    /// With JSX.
    JavaScript,
    TypeScript,
    /// TypeScript with JSX; the two disagree about `<T>`.
    Tsx,
    Go,
    Java,
    Rust,
    Ruby,
    Php,
}

impl Language {
    /// Every language, for tables over them.
    pub const ALL: [Language; 9] = [
        Language::Python,
        Language::JavaScript,
        Language::TypeScript,
        Language::Tsx,
        Language::Go,
        Language::Java,
        Language::Rust,
        Language::Ruby,
        Language::Php,
    ];

    /// The language of a path by its extension; `None` without a grammar for it, and for what a tool packed or generated
    /// (`.min.js`, `.d.ts`).
    pub fn of_path(path: &str) -> Option<Language> {
        let name = path.rsplit('/').next().unwrap_or(path);
        if name.contains(".min.") || name.ends_with(".d.ts") || name.ends_with(".d.mts") || name.ends_with(".d.cts") {
            return None;
        }
        let (_, extension) = name.rsplit_once('.')?;
        Some(match extension {
            "py" | "pyi" => Language::Python,
            "js" | "mjs" | "cjs" | "jsx" => Language::JavaScript,
            "ts" | "mts" | "cts" => Language::TypeScript,
            "tsx" => Language::Tsx,
            "go" => Language::Go,
            "java" => Language::Java,
            "rs" => Language::Rust,
            "rb" | "rake" => Language::Ruby,
            "php" => Language::Php,
            _ => return None,
        })
    }

    /// Whether it is JavaScript, TypeScript or either with JSX: their trees name most nodes alike.
    pub fn is_script(self) -> bool {
        matches!(self, Language::JavaScript | Language::TypeScript | Language::Tsx)
    }

    /// As a reader calls it.
    pub fn name(self) -> &'static str {
        match self {
            Language::Python => "Python",
            Language::JavaScript => "JavaScript",
            Language::TypeScript | Language::Tsx => "TypeScript",
            Language::Go => "Go",
            Language::Java => "Java",
            Language::Rust => "Rust",
            Language::Ruby => "Ruby",
            Language::Php => "PHP",
        }
    }

    pub(crate) fn grammar(self) -> tree_sitter::Language {
        match self {
            Language::Python => tree_sitter_python::LANGUAGE.into(),
            Language::JavaScript => tree_sitter_javascript::LANGUAGE.into(),
            Language::TypeScript => tree_sitter_typescript::LANGUAGE_TYPESCRIPT.into(),
            Language::Tsx => tree_sitter_typescript::LANGUAGE_TSX.into(),
            Language::Go => tree_sitter_go::LANGUAGE.into(),
            Language::Java => tree_sitter_java::LANGUAGE.into(),
            Language::Rust => tree_sitter_rust::LANGUAGE.into(),
            Language::Ruby => tree_sitter_ruby::LANGUAGE.into(),
            Language::Php => tree_sitter_php::LANGUAGE_PHP.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_tell_the_language() {
        for (path, language) in [
            ("app/main.py", Some(Language::Python)),
            ("src/index.mjs", Some(Language::JavaScript)),
            ("src/app.ts", Some(Language::TypeScript)),
            ("src/App.tsx", Some(Language::Tsx)),
            ("cmd/main.go", Some(Language::Go)),
            ("src/main/java/A.java", Some(Language::Java)),
            ("src/lib.rs", Some(Language::Rust)),
            ("lib/tasks/a.rake", Some(Language::Ruby)),
            ("public/index.php", Some(Language::Php)),
            ("types/index.d.ts", None),
            ("static/app.min.js", None),
            ("Makefile", None),
            ("py", None),
        ] {
            assert_eq!(Language::of_path(path), language, "{path}");
        }
    }

    #[test]
    fn every_grammar_fits_the_library() {
        for language in Language::ALL {
            assert!(tree_sitter::Parser::new().set_language(&language.grammar()).is_ok(), "{}", language.name());
        }
    }
}
