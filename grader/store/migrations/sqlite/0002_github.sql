-- What is known of GitHub. Otherwise as for PostgreSQL.

-- Deliveries and workflow tokens that were taken, until nobody can send them again.
CREATE TABLE github_once (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT;
CREATE INDEX github_once_by_end ON github_once (until);

-- The last that was heard of a pull request, in the words of whoever heard it. `asked` is the highest number of a workflow
-- run that asked for it.
CREATE TABLE github_pulls (
    repository INTEGER NOT NULL,
    number INTEGER NOT NULL,
    head TEXT NOT NULL,
    open INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    state TEXT NOT NULL,
    asked INTEGER NOT NULL,
    PRIMARY KEY (repository, number)
) STRICT;
CREATE INDEX github_pulls_by_head ON github_pulls (repository, head);

-- Runs that GitHub asked for. `check_run` is the check run that shows it, `key_hash` the digest of the key by which a
-- workflow follows it.
CREATE TABLE github_runs (
    run_id TEXT PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
    installation INTEGER,
    repository INTEGER NOT NULL,
    number INTEGER,
    head TEXT NOT NULL,
    check_run INTEGER,
    key_hash TEXT
) STRICT;
CREATE INDEX github_runs_by_head ON github_runs (repository, head);
CREATE INDEX github_runs_by_pull ON github_runs (repository, number);
CREATE INDEX github_runs_by_installation ON github_runs (installation);
