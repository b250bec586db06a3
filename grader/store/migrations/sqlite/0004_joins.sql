-- What is locked while a submission is looked for that a further run may join, so that two services that hear of new code
-- at once make one submission. The digest is the SHA-256 of what the submission is of.
CREATE TABLE submission_joins (
    digest TEXT PRIMARY KEY
) STRICT;
