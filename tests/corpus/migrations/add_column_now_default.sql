-- engine: postgresql
-- expect: safe
-- because: now() is evaluated once: a constant for the rows that are there
ALTER TABLE orders ADD COLUMN seen_at timestamptz NOT NULL DEFAULT now();
