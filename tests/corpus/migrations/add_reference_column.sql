-- engine: postgresql
-- expect: blocks
-- because: the foreign key locks the other table as well
ALTER TABLE orders ADD COLUMN customer bigint DEFAULT 1 REFERENCES customers (id);
