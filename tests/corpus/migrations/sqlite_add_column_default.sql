-- engine: sqlite
-- expect: safe
-- because: a constant
ALTER TABLE orders ADD COLUMN state TEXT NOT NULL DEFAULT 'new';
