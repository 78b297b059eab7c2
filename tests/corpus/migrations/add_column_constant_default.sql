-- engine: postgresql
-- expect: safe
-- because: since PostgreSQL 11 a constant default rewrites nothing
ALTER TABLE orders ADD COLUMN state text NOT NULL DEFAULT 'new';
