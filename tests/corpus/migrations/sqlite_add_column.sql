-- engine: sqlite
-- expect: safe
-- because: SQLite only notes it
ALTER TABLE orders ADD COLUMN note TEXT;
