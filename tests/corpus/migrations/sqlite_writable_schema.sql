-- engine: sqlite
-- expect: blocks
-- because: it allows to damage the database
PRAGMA writable_schema = ON;
