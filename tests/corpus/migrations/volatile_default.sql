-- engine: postgresql
-- expect: blocks
-- because: each row gets a value of its own: the table is rewritten
ALTER TABLE orders ADD COLUMN token uuid NOT NULL DEFAULT gen_random_uuid();
