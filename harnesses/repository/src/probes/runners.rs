//! The commands that run tests, as CI workflows, scripts and READMEs write them.

use std::sync::LazyLock;

use regex::Regex;

static COMMAND: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let parts = [
        r"pytest|py\.test|python3? -m unittest|unittest discover|manage\.py test|\btox\b|\bnox\b|coverage run|flask test",
        r"(?:npm|pnpm|yarn|bun)(?: run)? (?:--[\w=-]+ )*(?:test[:\w-]*|t(?:\s|$))|npx (?:--\S+ )*(?:jest|vitest|mocha|ava|tap)|\b(?:jest|vitest|mocha)\b|node --test|deno test|bun test|turbo (?:run )?test|nx (?:run-many .*)?test",
        r"go test|gotestsum|ginkgo|cargo (?:\+\w+ )?(?:test|nextest|llvm-cov|tarpaulin)",
        r"mvnw?(?:\.cmd)? [^\n]*\b(?:test|verify|package|install)\b|gradlew?(?:\.bat)? [^\n]*\b(?:test|build|check)\b",
        r"phpunit|\bpest\b|artisan test|composer (?:run )?test|rspec|rails test|rake(?: test| spec)|bin/test|dotnet test|mix test",
        r"(?:make|just|task) [\w-]*(?:test|check|ci|verify)\w*|docker[ -]compose [^\n]*\btests?\b|docker (?:build|run) [^\n]*\btests?\b|newman run|k6 run|hurl --test",
    ];
    Regex::new(&format!("(?i)(?:{})", parts.join("|"))).ok()
});

/// The command in a text that runs tests, or `None`. What says that it skips them runs none.
pub(super) fn runs_tests(text: &str) -> Option<&str> {
    let command = COMMAND.as_ref()?;
    text.lines().filter(|line| line.len() < 2_000).find_map(|line| {
        let plain = line.trim();
        let skipped = ["skipTests", "maven.test.skip=true", "-x test", "pip install", "npm install", "echo "]
            .iter()
            .any(|word| plain.contains(word));
        (!skipped && !plain.starts_with('#') && command.is_match(plain)).then_some(plain)
    })
}

#[cfg(test)]
mod tests {
    use super::runs_tests;

    #[test]
    fn commands_of_each_stack() {
        for line in [
            "pytest --cov",
            "python -m unittest",
            "npm test",
            "npm run test:coverage",
            "npm run test -- --ci",
            "yarn test",
            "pnpm -r test && true || pnpm test",
            "npx jest --ci",
            "node --test",
            "go test ./... -race",
            "cargo nextest run",
            "./mvnw -B verify",
            "mvn -B package --file pom.xml",
            "./gradlew build",
            "vendor/bin/phpunit",
            "php artisan test",
            "bundle exec rspec",
            "make test",
            "docker compose --profile test run --rm tests",
            "dotnet test --no-build",
        ] {
            assert!(runs_tests(line).is_some(), "{line}");
        }
        for line in [
            "npm ci",
            "npm run lint",
            "npm run typecheck",
            "mvn package -DskipTests",
            "pip install pytest",
            "# pytest",
            "docker build .",
            "curl --fail localhost/latest",
            "cargo build",
        ] {
            assert_eq!(runs_tests(line), None, "{line}");
        }
    }
}
