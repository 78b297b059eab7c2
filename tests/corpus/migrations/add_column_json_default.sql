-- engine: postgresql
-- expect: safe
-- because: a cast of a constant is a constant
ALTER TABLE orders ADD COLUMN extra jsonb NOT NULL DEFAULT '{}'::jsonb;
