-- engine: postgresql
-- expect: safe
-- because: the earlier release does not know it, and may leave it empty
ALTER TABLE orders ADD COLUMN note text;
