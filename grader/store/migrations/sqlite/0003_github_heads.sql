-- Which run grades a head commit: one row a head, so that two services that hear of one push ask for one run. What was
-- asked for without a pull request has the number 0; GitHub counts from 1.
CREATE TABLE github_heads (
    repository INTEGER NOT NULL,
    number INTEGER NOT NULL,
    head TEXT NOT NULL,
    run_id TEXT REFERENCES runs (id) ON DELETE CASCADE,
    PRIMARY KEY (repository, number, head)
) STRICT;
CREATE INDEX github_heads_by_run ON github_heads (run_id);
-- Ids of runs grow with time.
INSERT INTO github_heads (repository, number, head, run_id)
SELECT repository, COALESCE(number, 0), head, max(run_id) FROM github_runs
GROUP BY repository, COALESCE(number, 0), head;
