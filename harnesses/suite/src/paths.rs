//! What a path stands for: something that a tool made, a test, application code.
//!
//! By names only, as runners and tools go by them.

use crate::stack::{Family, Stack, fits};

/// Folders of what a tool made or fetched.
const MADE: &[&str] = &[
    "node_modules",
    "vendor",
    "venv",
    ".venv",
    "env",
    "site-packages",
    "__pycache__",
    "dist",
    "build",
    "target",
    "coverage",
    "htmlcov",
    ".gradle",
    ".tox",
    ".git",
    "public",
    "static",
];

/// Folders of tests and what helps them.
const TESTS: &[&str] = &[
    "test",
    "tests",
    "__tests__",
    "__mocks__",
    "spec",
    "specs",
    "e2e",
    "testing",
    "integration",
    "integration_tests",
    "integration-tests",
    "testdata",
    "testutil",
    "testutils",
    "test-utils",
    "test_utils",
    "fixtures",
    "mocks",
];

/// Folders of code that runs once or not at all: faults in it say nothing about tests.
const ASIDE: &[&str] = &[
    "migrations",
    "migration",
    "alembic",
    "seeds",
    "seeders",
    "seed",
    "scripts",
    "script",
    "bin",
    "docs",
    "doc",
    "examples",
    "docker",
    ".github",
    "config",
    "database",
    "tools",
];

/// Names of files of that sort.
const ASIDE_NAMES: &[&str] = &[
    "manage.py",
    "setup.py",
    "wsgi.py",
    "asgi.py",
    "settings.py",
    "config.py",
    "gunicorn.conf.py",
    "seed.py",
    "seed.js",
    "seed.ts",
    "build.rs",
    "noxfile.py",
    "tasks.py",
    "main.go",
    "main.ts",
    "main.js",
    "server.ts",
    "server.js",
];

pub(crate) fn name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The folder of a path, empty at the top.
pub(crate) fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn folders(path: &str) -> impl Iterator<Item = &str> {
    folder(path).split('/').filter(|folder| !folder.is_empty())
}

/// Whether a tool made or fetched it.
pub(crate) fn is_made(path: &str) -> bool {
    folders(path).any(|folder| MADE.contains(&folder) || folder.ends_with(".egg-info"))
}

/// Whether a runner takes a file for one of its tests.
pub(crate) fn is_test_file(stack: &Stack, path: &str) -> bool {
    let in_folder = || {
        Family::of_path(path) == Some(stack.family)
            && folders(path).any(|folder| stack.folders.iter().any(|f| f == folder))
    };
    !is_made(path) && (stack.tests.iter().any(|pattern| fits(pattern, name(path))) || in_folder())
}

/// Whether it belongs to the tests: a test file, or what helps them.
pub(crate) fn belongs_to_tests(stack: &Stack, path: &str) -> bool {
    let helps = folders(path).any(|folder| TESTS.contains(&folder.to_ascii_lowercase().as_str()));
    // Rust keeps its unit tests beside the code.
    let test_file = stack.family != Family::Rust && is_test_file(stack, path);
    helps || test_file || matches!(name(path), "conftest.py" | "TestCase.php")
}

/// Whether it is application code in the stack's languages.
pub(crate) fn is_application(stack: &Stack, path: &str) -> bool {
    let aside = folders(path).any(|folder| ASIDE.contains(&folder.to_ascii_lowercase().as_str()));
    let name = name(path);
    let settings = ASIDE_NAMES.contains(&name) || name.contains(".config.") || name.starts_with('.');
    Family::of_path(path) == Some(stack.family)
        && !is_made(path)
        && !aside
        && !settings
        && !belongs_to_tests(stack, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::stacks;

    #[test]
    fn application_code_is_told_from_tests_and_the_rest() {
        let stacks = stacks().unwrap();
        let stack = |id: &str| stacks.iter().find(|stack| stack.id == id).unwrap();
        for (id, path, expected) in [
            ("pytest", "app/services/orders.py", true),
            ("pytest", "tests/support.py", false),
            ("pytest", "app/test_orders.py", false),
            ("pytest", "migrations/versions/0001.py", false),
            ("pytest", "venv/lib/x.py", false),
            ("pytest", "app/web.ts", false),
            ("vitest", "src/services/orders.ts", true),
            ("vitest", "src/services/orders.test.ts", false),
            ("vitest", "eslint.config.js", false),
            ("go", "internal/store/store.go", true),
            ("go", "internal/store/store_test.go", false),
            ("cargo", "src/routes.rs", true),
            ("maven", "src/main/java/shop/Orders.java", true),
            ("maven", "src/test/java/shop/OrdersTest.java", false),
        ] {
            assert_eq!(is_application(stack(id), path), expected, "{id} {path}");
        }
    }
}
