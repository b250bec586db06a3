-- Times are milliseconds since 1970-01-01T00:00Z; truth values are 0 and 1. Otherwise as for PostgreSQL.

-- Who may sign in, and with what.
CREATE TABLE users (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL CHECK (role IN ('admin', 'reviewer', 'reader')),
    password_hash TEXT,
    created_at INTEGER NOT NULL,
    disabled_at INTEGER
) STRICT;

CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    prefix TEXT NOT NULL UNIQUE,
    hash TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    last_used_at INTEGER,
    revoked_at INTEGER
) STRICT;

-- A session is a user's or a token's. Its id is the digest of what the browser holds.
CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
    token_id TEXT REFERENCES tokens (id) ON DELETE CASCADE,
    csrf TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    CHECK ((user_id IS NULL) <> (token_id IS NULL))
) STRICT;
CREATE INDEX sessions_of_user ON sessions (user_id);
CREATE INDEX sessions_of_token ON sessions (token_id);
CREATE INDEX sessions_by_end ON sessions (expires_at);

-- Assessments, by the digest of their text. One of a name is in force.
CREATE TABLE specs (
    digest TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    title TEXT NOT NULL,
    level TEXT NOT NULL CHECK (level IN ('junior', 'mid', 'senior')),
    body TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    in_force INTEGER NOT NULL
) STRICT;
CREATE INDEX specs_by_name ON specs (name, created_at);
CREATE UNIQUE INDEX specs_in_force ON specs (name) WHERE in_force;

CREATE TABLE candidates (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    email TEXT UNIQUE,
    notes TEXT NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX candidates_by_name ON candidates (name, id);

CREATE TABLE submissions (
    id TEXT PRIMARY KEY,
    candidate_id TEXT REFERENCES candidates (id) ON DELETE SET NULL,
    source TEXT NOT NULL,
    reference TEXT,
    subdir TEXT,
    spec TEXT NOT NULL,
    level TEXT CHECK (level IN ('junior', 'mid', 'senior')),
    bindings TEXT,
    runs INTEGER NOT NULL CHECK (runs >= 0),
    created_by TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX submissions_of_candidate ON submissions (candidate_id, id);
CREATE INDEX submissions_by_source ON submissions (source, id);
CREATE INDEX submissions_by_spec ON submissions (spec, id);

-- `attempt` counts how often a worker took the run: whoever writes to it has to name the present one. `losses` counts
-- how often it was taken in vain. `counted` marks the one run that stands for its submission in the cohort. `announced` is the last state
-- that whoever asked for the run was told of; only runs with an origin are announced.
CREATE TABLE runs (
    id TEXT PRIMARY KEY,
    submission_id TEXT NOT NULL REFERENCES submissions (id) ON DELETE CASCADE,
    candidate_id TEXT REFERENCES candidates (id) ON DELETE SET NULL,
    number INTEGER NOT NULL CHECK (number > 0),
    spec TEXT NOT NULL,
    spec_digest TEXT NOT NULL REFERENCES specs (digest),
    reference TEXT,
    seed INTEGER NOT NULL,
    origin TEXT NOT NULL,
    priority INTEGER NOT NULL,
    requested_by TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'finished', 'cancelled', 'abandoned')),
    attempt INTEGER NOT NULL CHECK (attempt >= 0),
    losses INTEGER NOT NULL CHECK (losses >= 0),
    not_before INTEGER,
    worker TEXT,
    lease_until INTEGER,
    cancel_requested INTEGER NOT NULL,
    queued_at INTEGER NOT NULL,
    started_at INTEGER,
    finished_at INTEGER,
    outcome TEXT CHECK (outcome IN ('graded', 'does_not_start', 'refused', 'not_graded')),
    commit_id TEXT,
    tree TEXT,
    graded_percent REAL CHECK (graded_percent BETWEEN 0 AND 100),
    percent REAL CHECK (percent BETWEEN 0 AND 100),
    passed INTEGER,
    summary TEXT,
    announced TEXT NOT NULL,
    counted INTEGER NOT NULL,
    version INTEGER NOT NULL CHECK (version > 0),
    UNIQUE (submission_id, number)
) STRICT;
CREATE INDEX runs_waiting ON runs (priority DESC, id) WHERE state = 'queued';
CREATE INDEX runs_leased ON runs (lease_until) WHERE state = 'running';
CREATE INDEX runs_by_state ON runs (state, id);
CREATE INDEX runs_of_candidate ON runs (candidate_id, id);
CREATE INDEX runs_by_spec ON runs (spec, id);
CREATE INDEX runs_by_spec_digest ON runs (spec_digest, id);
CREATE INDEX runs_by_outcome ON runs (outcome, id);
CREATE INDEX runs_by_end ON runs (finished_at);
CREATE INDEX runs_unannounced ON runs (id) WHERE origin <> '{}' AND announced <> state;
CREATE INDEX runs_by_score ON runs (spec, percent DESC, id) WHERE counted;

-- Written once, by the worker whose attempt ended the run.
CREATE TABLE reports (
    run_id TEXT PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
    body BLOB NOT NULL,
    size INTEGER NOT NULL
) STRICT;

CREATE TABLE artefacts (
    id TEXT PRIMARY KEY,
    run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size INTEGER NOT NULL CHECK (size >= 0),
    body BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (run_id, name)
) STRICT;
CREATE INDEX artefacts_by_age ON artefacts (created_at);

CREATE TABLE events (
    run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    sequence INTEGER NOT NULL,
    kind TEXT NOT NULL,
    data TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (run_id, sequence)
) STRICT;
CREATE INDEX events_by_age ON events (at);

-- A reviewer's word on a probe of a run.
CREATE TABLE overrides (
    id TEXT PRIMARY KEY,
    run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    probe TEXT NOT NULL,
    verdict TEXT NOT NULL,
    points REAL,
    reason TEXT NOT NULL CHECK (reason <> ''),
    author TEXT NOT NULL,
    evidence TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'stale', 'withdrawn')),
    carried_from TEXT REFERENCES overrides (id) ON DELETE SET NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX overrides_of_run ON overrides (run_id, probe, author) WHERE state <> 'withdrawn';
CREATE INDEX overrides_all ON overrides (run_id, id);
CREATE INDEX overrides_carried ON overrides (carried_from);

-- What a reviewer decided on a run; names are shown to them from then on.
CREATE TABLE decisions (
    run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    reviewer TEXT NOT NULL,
    decision TEXT NOT NULL CHECK (decision IN ('advance', 'hold', 'reject')),
    reason TEXT NOT NULL,
    decided_at INTEGER NOT NULL,
    PRIMARY KEY (run_id, reviewer)
) STRICT;

-- What the counted runs of an assessment add up to, kept with every change, so that a cohort is read without reading it.
CREATE TABLE cohort_counts (
    spec TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('bin', 'criterion', 'flag', 'outcome')),
    item TEXT NOT NULL,
    runs INTEGER NOT NULL,
    total REAL NOT NULL,
    PRIMARY KEY (spec, kind, item)
) STRICT;

CREATE TABLE workers (
    id TEXT PRIMARY KEY,
    slots INTEGER NOT NULL CHECK (slots > 0),
    version TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL
) STRICT;

CREATE TABLE audit (
    id TEXT PRIMARY KEY,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX audit_by_subject ON audit (subject, id);

-- Answers kept under an Idempotency-Key. Without a status the first request is still on its way.
CREATE TABLE idempotency (
    principal TEXT NOT NULL,
    request_key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    status INTEGER,
    headers TEXT NOT NULL,
    body BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (principal, request_key)
) STRICT;
CREATE INDEX idempotency_by_age ON idempotency (created_at);

-- Messages of others that were taken already, by their own ids.
CREATE TABLE deliveries (
    id TEXT PRIMARY KEY,
    source TEXT NOT NULL,
    taken_at INTEGER NOT NULL
) STRICT;
CREATE INDEX deliveries_by_age ON deliveries (taken_at);
