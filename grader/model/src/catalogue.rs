//! Every probe of the catalogue: its stable id, the level from which it counts, where its evidence comes from, and the
//! sentence that says when it fails. Specs, reports and the accuracy bench name probes by these ids.

use crate::Level;

/// Where a probe's evidence comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Facility {
    /// Requests to the API.
    Http,
    /// The live database.
    Database,
    /// The checked-out tree and its history.
    Repository,
    /// The submission's own tests, or its logs.
    Suite,
    /// The stack while something is broken on purpose.
    Chaos,
}

/// One row of the catalogue.
#[derive(Debug, Clone, Copy)]
pub struct CatalogueEntry {
    pub id: &'static str,
    /// The level from which the probe counts unless a spec says otherwise.
    pub level: Level,
    pub facilities: &'static [Facility],
    /// What makes it fail.
    pub fails_when: &'static str,
}

/// The row of a probe, or `None` for an id that the catalogue does not have.
pub fn catalogue_entry(id: &str) -> Option<&'static CatalogueEntry> {
    CATALOGUE.iter().find(|entry| entry.id == id)
}

use Facility::{Chaos, Database, Http, Repository, Suite};
use Level::{Junior, Mid, Senior};

const fn row(
    id: &'static str,
    level: Level,
    facilities: &'static [Facility],
    fails_when: &'static str,
) -> CatalogueEntry {
    CatalogueEntry { id, level, facilities, fails_when }
}

#[rustfmt::skip]
pub const CATALOGUE: &[CatalogueEntry] = &[
    row("api.operations", Junior, &[Http], "an operation that the brief asks for cannot be found or answers as missing (weighted by operation)"),
    row("api.resource-naming", Junior, &[Http, Repository], "verbs in paths, singular/plural mixed, upper case or underscores mixed, nesting that hides the parent"),
    row("api.methods", Junior, &[Http], "a read through POST, a change through GET, update or delete through POST"),
    row("api.status.create", Junior, &[Http], "creating answers anything but 201 (200 is partial)"),
    row("api.status.delete", Junior, &[Http], "deleting answers anything but 204 or 200/202 with a body; the record can still be read afterwards"),
    row("api.status.unknown", Junior, &[Http], "reading, updating or deleting a record that never existed is not 404; a malformed id is a 5xx"),
    row("api.status.method-not-allowed", Mid, &[Http], "an unsupported method on a known path is not 405 (404 is partial); Allow missing is noted"),
    row("api.roundtrip", Junior, &[Http], "what was created cannot be read back equal; an update is lost; PATCH wipes the fields that it did not name"),
    row("api.content-type", Junior, &[Http], "a JSON body without a JSON content type"),
    row("api.pagination.bounded", Mid, &[Http], "a list without parameters returns everything, however many records there are"),
    row("api.pagination.complete", Mid, &[Http], "walking all the pages loses or repeats a record, also while records share the sort key"),
    row("api.pagination.size", Mid, &[Http], "the page-size parameter is ignored; an absurd size (1,000,000) is honoured"),
    row("api.pagination.invalid", Mid, &[Http], "page or size of -1, 0, abc or far past the end gives a 5xx"),
    row("api.pagination.metadata", Mid, &[Http], "no total, next link, cursor or Link header (RFC 8288) tells a client whether there is more"),
    row("api.filtering", Mid, &[Http], "a search or filter that the API documents is ignored"),
    row("api.versioning", Mid, &[Http, Repository], "neither the path nor a header carries a version"),
    row("api.order.total", Junior, &[Http], "the order's total is not the sum over its lines, or trusts a price sent by the client"),
    row("api.order.stock", Junior, &[Http, Database], "an order does not lower the stock by what was ordered"),
    row("api.openapi", Mid, &[Http], "no machine-readable API description is served or kept; or what the server answers contradicts it"),
    row("api.idempotency", Senior, &[Http], "repeating a PUT changes the result; repeating an order with the same Idempotency-Key orders twice (noted below senior)"),
    row("api.conditional", Senior, &[Http], "no ETag/If-Match or version field, and two concurrent edits silently lose one"),
    row("db.reachable", Junior, &[Database], "the grader cannot find the database that the API really writes to"),
    row("db.primary-keys", Junior, &[Database], "a table without a primary key"),
    row("db.foreign-keys", Junior, &[Database], "a column that refers to another table by value without a foreign key (found by following real ids, not by name)"),
    row("db.normalized", Junior, &[Database], "order lines, authors or the like kept as JSON, arrays or comma lists; the same fact stored in two tables without reason (a price copied onto the order line is right, and required)"),
    row("db.unique", Junior, &[Database], "no unique constraint or index on the user's login and on the ISBN"),
    row("db.not-null", Junior, &[Database], "required fields that may be NULL"),
    row("db.money-type", Junior, &[Database], "money in a floating-point column"),
    row("db.timestamps", Mid, &[Database], "no creation time on users or orders; timestamps without time zone"),
    row("db.foreign-key-indexes", Mid, &[Database], "a foreign key whose columns no index leads with"),
    row("db.checks", Mid, &[Database], "the database itself would accept a negative price, stock or quantity"),
    row("db.identifiers", Mid, &[Database, Http], "sequential integers as public identifiers (partial; noted, never a red flag)"),
    row("db.migrations", Junior, &[Database, Repository], "the schema is made by hand or by create_all/sync at start-up; no migration files, or the tool's table is missing or behind the files"),
    row("db.migrations.safe", Senior, &[Repository], "a migration that locks or drops in place (as the well-known migration linters rule)"),
    row("db.transactions", Mid, &[Http, Database], "an order that fails half-way leaves lines, stock or an order behind"),
    row("db.oversell", Mid, &[Http, Database], "simultaneous orders for the last copies sell more than there are, or drive stock below zero"),
    row("db.n-plus-one", Mid, &[Http, Database], "the number of statements for a list grows with the number of records in it"),
    row("db.query-plans", Senior, &[Database], "with many rows, a query that the API really sends scans a whole table where an index would serve"),
    row("db.connections", Senior, &[Http, Database], "the number of connections grows with the number of requests; or requests fail at 50 at a time"),
    row("db.persistence", Junior, &[Chaos], "data is gone after the API's container is restarted"),
    row("auth.register", Junior, &[Http], "a new user cannot register or log in; a wrong password is let in; no token or session comes back"),
    row("auth.login", Junior, &[Http], "a new user cannot register or log in; a wrong password is let in; no token or session comes back"),
    row("auth.required", Junior, &[Http], "a protected operation answers without credentials, with garbage, or with another scheme (must be 401, and before any 404 or 400 that would tell about records)"),
    row("auth.forbidden", Mid, &[Http], "a signed-in user without the right may do it, or gets something other than 403 (404 is accepted where hiding is documented)"),
    row("auth.object-access", Junior, &[Http], "user B reads or changes what belongs to user A (OWASP API1)"),
    row("auth.mass-assignment", Mid, &[Http, Database], "a role, owner, balance or id sent in a body is taken over (OWASP API3)"),
    row("auth.enumeration", Mid, &[Http], "unknown user and wrong password can be told apart by status or body"),
    row("auth.token.expiry", Mid, &[Http], "a JWT without exp, or valid for longer than the spec allows"),
    row("auth.token.signature", Junior, &[Http], "a token with a changed payload, a stripped signature or alg: none is accepted"),
    row("auth.token.secret", Mid, &[Http, Repository], "the signing secret is in a small dictionary, in the repository, or the framework's default"),
    row("auth.token.contents", Mid, &[Http], "a password, hash or other secret inside the token"),
    row("auth.password.storage", Junior, &[Database], "the password can be found anywhere in the database in clear, encoded or reversibly; or as MD5, SHA-1, SHA-2 without a key-stretching function. Decided by verifying the known password against what is stored, not by the column's name"),
    row("auth.password.cost", Mid, &[Database], "a fit algorithm with parameters under the OWASP minimum"),
    row("auth.password.salt", Junior, &[Database], "two users with the same password share a hash"),
    row("auth.password.exposure", Junior, &[Http, Suite], "password or hash in a response or in the service's logs"),
    row("auth.password.policy", Mid, &[Http], "an empty or one-letter password is accepted"),
    row("auth.rate-limit", Mid, &[Http], "a burst of bad logins is never answered 429 within the number that the spec allows"),
    row("auth.rate-limit.retry-after", Mid, &[Http], "429 without Retry-After or RateLimit headers; still refused after the time that it names"),
    row("auth.rate-limit.scope", Mid, &[Http], "one client's burst locks out another client (checked from two source addresses) or the whole API"),
    row("auth.rate-limit.bypass", Senior, &[Http], "a made-up X-Forwarded-For (or its kin) starts a fresh allowance"),
    row("auth.injection", Junior, &[Http, Database], "SQL in a login, search, sort or id parameter changes the result, gives a 5xx, or reaches the database unescaped"),
    row("auth.cors", Mid, &[Http], "any origin is reflected together with credentials"),
    row("auth.headers", Senior, &[Http], "none of the usual hardening headers; a server banner with exact versions"),
    row("auth.secrets-in-repo", Junior, &[Repository], "keys, passwords or a filled-in .env in the tree or its history"),
    row("error.shape", Junior, &[Http], "the bodies of 400/401/403/404/409/422/429 do not share one structure with a code or type and a message for people (RFC 9457 is named when met)"),
    row("error.no-5xx", Junior, &[Http], "any request of the whole run is answered 5xx (each distinct one is shown once)"),
    row("error.malformed-json", Junior, &[Http], "a cut-off body is not 400 (422 accepted)"),
    row("error.validation", Junior, &[Http], "missing field, wrong type, empty text, negative price, negative or fractional stock, absurd length, bad e-mail, bad ISBN: not 400/422 (weighted by case)"),
    row("error.validation.details", Mid, &[Http], "the answer does not name the offending field"),
    row("error.conflict", Junior, &[Http], "a second registration with the same login, or a second book with the same ISBN, is not 409 (400/422 is partial)"),
    row("error.stock", Junior, &[Http], "ordering more than there is, zero, a negative number or an unknown book is not a clear 4xx"),
    row("error.leaks", Junior, &[Http], "stack trace, SQL, file path or framework debug page in an answer"),
    row("error.media-type", Mid, &[Http], "a form or text body where JSON is needed gives a 5xx (415 expected, 400 accepted)"),
    row("error.extremes", Mid, &[Http], "huge integers, NUL bytes, emoji, deep nesting, a 5 MB body: a 5xx, a hang or a dead process"),
    row("error.logging", Mid, &[Suite], "requests and errors leave no structured trace (time, level, what happened) on the container's log"),
    row("error.dependency-down", Senior, &[Chaos], "with the database paused: a hang past the spec's limit, a leak, or a 5xx other than 503; and no recovery once it is back"),
    row("error.shutdown", Senior, &[Chaos], "SIGTERM cuts requests in flight, or is not obeyed within ten seconds"),
    row("error.load", Senior, &[Http], "at the spec's modest load, errors or a p95 over the spec's bound"),
    row("test.present", Junior, &[Repository], "fewer tests than the brief asks for (8 in the bookstore brief), counted by the runner's own report"),
    row("test.pass", Junior, &[Suite], "the submission's own tests do not pass in its own environment"),
    row("test.kinds", Mid, &[Repository, Suite], "only unit or only HTTP tests"),
    row("test.isolation", Mid, &[Suite], "run twice, or in another order, they fail or leave records behind"),
    row("test.coverage", Mid, &[Suite], "line coverage of the application code under the spec's bound (measured by the stack's own tool)"),
    row("test.assertions", Junior, &[Repository], "tests that assert nothing"),
    row("test.sensitivity", Senior, &[Suite], "small deliberate faults in the application code that the tests do not notice (mutation score)"),
    row("test.automation", Mid, &[Repository], "no CI workflow runs them"),
    row("org.layers", Junior, &[Repository], "routes, domain logic and data access live in one file or function; SQL in request handlers"),
    row("org.size", Junior, &[Repository], "god files and functions (size and cognitive complexity, by the spec's bounds)"),
    row("org.duplication", Mid, &[Repository], "repeated blocks past the spec's bound"),
    row("org.configuration", Junior, &[Repository], "settings hard-coded instead of taken from the environment"),
    row("org.hygiene", Junior, &[Repository], "build output, dependencies, editor or OS files, databases committed; no ignore file; no lock file"),
    row("org.lint", Mid, &[Repository], "no linter or formatter configured, or the stack's standard one reports errors"),
    row("org.container", Mid, &[Repository], "unpinned or latest images, root user, no .dockerignore, secrets in layers, no health check"),
    row("org.history", Mid, &[Repository], "a single dump commit; meaningless messages; never a branch; commits outside the assignment's window (noted only)"),
    row("org.proportion", Junior, &[Repository], "machinery out of proportion to the task: message brokers, Kubernetes manifests, service meshes"),
    row("doc.readme", Junior, &[Repository], "no README, or none of: what it is, how to set up, run, test"),
    row("doc.truth", Mid, &[Repository, Http], "what the README says does not hold: the documented port, paths, commands or variables do not exist"),
    row("doc.api", Junior, &[Repository, Http], "endpoints that the API has and no document describes (method, path, body, answer, errors, example)"),
    row("doc.decisions", Senior, &[Repository], "no word on design choices and trade-offs"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_in_dotted_lower_case() {
        let mut seen = std::collections::HashSet::new();
        for entry in CATALOGUE {
            assert!(seen.insert(entry.id), "{} stands twice", entry.id);
            assert!(
                entry.id.contains('.')
                    && entry.id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c)),
                "{} is no probe id",
                entry.id
            );
        }
    }
}
