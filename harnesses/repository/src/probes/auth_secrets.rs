//! `auth.secrets-in-repo`: no key, password or filled-in settings file in the tree or its history.
//!
//! Observes every text of the tree and every blob that only the history holds.
//! - Keys and tokens that tell themselves (private keys, cloud and service tokens) **fail** wherever they stand, save in
//!   test fixtures and in values that the vendors print in their own documents.
//! - A password in the address of a database or broker on a real host **fails**; one for a container, `localhost` or an
//!   example domain does not: it opens nothing that anybody can reach.
//! - A committed `.env` with passwords or keys **fails**, also when a later commit removed it; with nothing but the usual
//!   local values (`postgres`, `changeme`) it is a **partial**: no secret, but the habit by which one gets there.
//! - A value of high entropy given to a name such as `API_KEY` or `SMTP_PASSWORD` **fails**.
//!
//! Left to others: the secret that signs tokens, where code or compose hold it, is `auth.token.secret`'s finding, which
//! proves that it is in use. Left alone: development defaults in compose (`POSTGRES_PASSWORD: postgres`), placeholders,
//! `.env.example`, tests. No value is ever shown: evidence has its first two characters and its length.
//! Planted defect: `auth-secrets-in-repo` of the FastAPI submission.

mod rules;
mod shapes;
mod values;

use std::collections::HashSet;

use grader_model::{Evidence, Finding};
use grader_spec::Params;

use self::rules::Hit;
pub(super) use self::values::is_placeholder;
use super::{Tree, counted};
use crate::tree;

pub(super) const ID: &str = "auth.secrets-in-repo";

/// Places that are shown.
const SHOWN: usize = 10;
/// Bytes of history that are read.
const HISTORY: usize = 16 * 1024 * 1024;

/// A secret and where it stands.
struct Leak {
    path: String,
    line: u32,
    /// The commit, where only the history holds it.
    commit: Option<String>,
    hit: Hit,
}

pub(super) fn run(tree: &Tree<'_>, _: &Params) -> Finding {
    let mut leaks: Vec<Leak> = Vec::new();
    let mut seen: HashSet<String> = HashSet::new();
    for (path, text) in &tree.texts {
        add(&mut leaks, &mut seen, path, text, None);
    }
    let mut left = HISTORY;
    for blob in &tree.snapshot.historic {
        let Some(text) = std::str::from_utf8(&blob.bytes).ok().filter(|text| text.len() <= tree::ONE_FILE.min(left))
        else {
            continue;
        };
        left -= text.len();
        if !tree::is_generated(&blob.path) {
            add(&mut leaks, &mut seen, &blob.path, text, Some(&blob.commit));
        }
    }
    let expected = "no key, password or filled-in settings file in the tree or its history";
    if leaks.is_empty() {
        return Finding::pass(ID, "No secret stands in the tree or its history")
            .expected(expected)
            .actual("none found");
    }
    leaks.sort_by_key(|leak| leak.hit.harmless);
    let real: Vec<&Leak> = leaks.iter().filter(|leak| !leak.hit.harmless).collect();
    let evidence = leaks.iter().take(SHOWN).map(|leak| {
        let place = leak
            .commit
            .as_ref()
            .map(|commit| format!(" (only in the history, commit {})", commit.chars().take(10).collect::<String>()))
            .unwrap_or_default();
        Evidence::file(leak.path.clone(), Some(leak.line), format!("{}{place}", leak.hit.shown()))
    });
    let finding = if let Some(first) = real.first() {
        Finding::fail(
            ID,
            format!("{} in the repository: {} in {}", counted(real.len(), "secret"), first.hit.what, first.path),
        )
        .actual(format!("{} in {}", first.hit.what, first.path))
    } else {
        let path = &leaks[0].path;
        Finding::partial(ID, 0.5, format!("{path} is committed, though with local values only"))
            .actual(format!("{path} with the usual local values"))
    };
    finding.expected(expected).evidences(evidence)
}

fn add(leaks: &mut Vec<Leak>, seen: &mut HashSet<String>, path: &str, text: &str, commit: Option<&str>) {
    if leaks.len() >= 200 || tree::is_test(path) || rules::is_lock(path) {
        return;
    }
    for (line, hit) in rules::hits(path, text, commit.is_some()) {
        // The same value in a later version of a file is the same secret.
        if seen.insert(format!("{}\0{}", hit.what, hit.value)) {
            leaks.push(Leak { path: path.to_owned(), line, commit: commit.map(str::to_owned), hit });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use grader_model::{HistoricBlob, Verdict};

    use super::super::over;
    use super::*;

    fn verdict(path: &str, text: &str) -> Verdict {
        over(&[(path, text)], run).verdict
    }

    /// Put together here, so that the tree of this project holds no such thing itself.
    fn key(parts: &[&str]) -> String {
        parts.concat()
    }

    #[test]
    fn what_tells_itself_fails_anywhere() {
        let github = key(&["ghp", "_", "a8Kd03jfLs92mNbVcXz71QwErTyUiOpAsDfG"]);
        let stripe = key(&["sk", "_live_", "4eC39HqLyjWDarjtT1zdp7dc"]);
        let aws = key(&["AKIA", "Q3EGRT7YPXM2LVZ5"]);
        let private = key(&[
            "-----BEGIN RSA PRIVATE",
            " KEY-----\nMIIEpAIBAAKCAQEA7bq3k0Zc1v9s8dK2mQwErTyUiOpAsDfGhJkLzXcVbNm12345678\nq1w2e3\n-----END RSA PRIVATE KEY-----",
        ]);
        let pgp = key(&[
            "-----BEGIN PGP PRIVATE",
            " KEY BLOCK-----\n\nlQOYBGVkQ3sBCADTm1w9s8dK2mQwErTyUiOpAsDfGhJkLzXcVbNm12345678q1\n=a1B2\n-----END PGP PRIVATE KEY BLOCK-----",
        ]);
        for value in [&github, &stripe, &aws, &private, &pgp] {
            assert_eq!(verdict("src/config.js", &format!("const x = '{value}';")), Verdict::Fail, "{value}");
            assert_eq!(verdict("tests/fixtures/a.js", &format!("const x = '{value}';")), Verdict::Pass, "{value}");
        }
        for (start, body) in [
            ("hf_", "qWeRtYuIoPaSdFgJkLzXcVbNmQaZwSxEdC"),
            ("shpat_", "4eC39a7f1b2d8e6c0f5a9b3d7e1c8f2a"),
            ("key-", "4ec39a7f1b2d8e6c0f5a9b3d7e1c8f2a"),
            ("GOCSPX-", "a8Kd03jfLs92mNbVcXz71QwErTyU"),
            ("dapi", "4ec39a7f1b2d8e6c0f5a9b3d7e1c8f2a"),
            ("rzp_live_", "a8Kd03jfLs92mN"),
        ] {
            assert_eq!(verdict("src/a.py", &format!("x = '{}'", key(&[start, body]))), Verdict::Fail, "{start}");
        }
        assert_eq!(verdict("README.md", &key(&["AKIA", "IOSFODNN7EXAMPLE"])), Verdict::Pass);
    }

    #[test]
    fn settings_files_by_what_they_hold() {
        assert_eq!(verdict(".env", "PORT=3000\nLOG_LEVEL=info\n"), Verdict::Pass);
        assert_eq!(verdict(".env", "POSTGRES_PASSWORD=postgres\nJWT_SECRET=changeme\n"), Verdict::Partial);
        assert_eq!(verdict(".env", "SMTP_PASSWORD=9tGc!e3Wq7Rv0sXy\n"), Verdict::Fail);
        assert_eq!(verdict(".env.production", "JWT_SECRET=1f0a9c57e2b84d6fb3c8a1e5d7f92046\n"), Verdict::Fail);
        assert_eq!(
            verdict(".env.example", "JWT_SECRET=1f0a9c57e2b84d6fb3c8a1e5d7f92046\nDB_PASSWORD=secret\n"),
            Verdict::Pass
        );
        assert_eq!(verdict(".env.test", "JWT_SECRET=1f0a9c57e2b84d6fb3c8a1e5d7f92046\n"), Verdict::Pass);
    }

    #[test]
    fn addresses_of_real_hosts() {
        assert_eq!(
            verdict(
                "src/db.js",
                &key(&["mongoose.connect('mongodb+srv://ada:9tGc3eWq7R", "v@cluster0.ab1cd.mongodb.net/shop')"])
            ),
            Verdict::Fail
        );
        for address in [
            "postgres://postgres:postgres@db:5432/x",
            "postgres://u:pw12345678@localhost/x",
            "postgresql://user:password@host.example.com/x",
            "postgres://u:${PASSWORD}@db.shop.io/x",
            "redis://:secret@redis:6379",
        ] {
            assert_eq!(verdict("src/db.js", &format!("connect('{address}')")), Verdict::Pass, "{address}");
        }
    }

    #[test]
    fn honest_files_raise_no_alarm() {
        for (path, text) in [
            (
                "compose.yaml",
                "      POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:-postgres}\n      JWT_SECRET: super-secret-key-for-development-only\n",
            ),
            (
                "app/config.py",
                "    secret_key: str = 'change-this-secret-in-production-please'\n    ALGORITHM = 'HS256'\n",
            ),
            (
                "src/auth.ts",
                "const token = request.headers.authorization?.split(' ')[1];\nconst passwordHash = await hash(password);\n",
            ),
            (
                "README.md",
                "curl -H \"Authorization: Bearer $TOKEN\" -d '{\"password\": \"correct horse battery\"}'\nexport API_KEY=<your key>\n",
            ),
            (
                "package-lock.json",
                "\"integrity\": \"sha512-j/YeapB1vfPT2iOIUn/vxdyKEuhuY2PxMBvf5JWux6iSaukAccrMtXEY/Lb7OvavDhOWME589bpLrEdnVHjfjA==\"",
            ),
            ("src/errors.ts", "export const INVALID_PASSWORD = 'auth/invalid-password-or-email-address';\n"),
            ("openapi.json", "{\"token\": {\"example\": \"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl\"}}"),
            (
                "src/keys.ts",
                "export const API_KEY_HEADER = 'X-Api-Key-For-Internal-Services';\nconst secretName = \"prod/bookstore/database-credentials\";\n",
            ),
            ("app/Models/User.php", "protected $hidden = ['password', 'remember_token'];\n"),
            (
                ".github/workflows/ci.yml",
                "        env:\n          POSTGRES_PASSWORD: test\n          TOKEN: ${{ secrets.GITHUB_TOKEN }}\n",
            ),
        ] {
            assert_eq!(verdict(path, text), Verdict::Pass, "{path}");
        }
    }

    #[test]
    fn the_history_counts_and_no_value_is_shown() {
        let mut snapshot = crate::testing::snapshot(&[("README.md", "x")]);
        snapshot.historic.push(HistoricBlob {
            path: ".env".into(),
            commit: "abcdef0123456789".into(),
            bytes: Arc::from(&b"SMTP_PASSWORD=9tGc!e3Wq7Rv0sXy\n"[..]),
        });
        let finding = run(&Tree::new(&snapshot, ""), &Params::new());
        assert_eq!(finding.verdict, Verdict::Fail);
        let shown = serde_json::to_string(&finding).unwrap();
        assert!(shown.contains("abcdef0123") && !shown.contains("9tGc!e3"), "{shown}");
    }
}
