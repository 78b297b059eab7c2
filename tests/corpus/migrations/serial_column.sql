-- engine: postgresql
-- expect: blocks
-- because: every row gets a number: the table is rewritten
ALTER TABLE orders ADD COLUMN position bigserial;
