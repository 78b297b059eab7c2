-- IF NOT EXISTS: where nobody migrates, the service itself makes its tables, from this file (conversormpp/jobs.py).
CREATE TABLE IF NOT EXISTS conversions (
    id varchar PRIMARY KEY,
    filename varchar NOT NULL,
    format varchar NOT NULL,
    size integer NOT NULL DEFAULT 0,
    release varchar NOT NULL,
    probe boolean NOT NULL,
    created double precision NOT NULL,
    status varchar NOT NULL,
    error varchar NOT NULL,
    tasks integer,
    finished double precision,
    attempts integer NOT NULL,
    worker varchar NOT NULL,
    lease_until double precision NOT NULL
);
-- comporta: safe because a table that is there already has this index
CREATE INDEX IF NOT EXISTS ix_conversions_created ON conversions (created);
-- comporta: safe because a table that is there already has this index
CREATE INDEX IF NOT EXISTS ix_conversions_status ON conversions (status);
CREATE TABLE IF NOT EXISTS checks (
    id varchar PRIMARY KEY,
    value varchar NOT NULL
);
