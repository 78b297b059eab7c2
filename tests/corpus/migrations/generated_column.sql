-- engine: postgresql
-- expect: blocks
-- because: it is computed for every row: the table is rewritten
ALTER TABLE orders ADD COLUMN gross numeric GENERATED ALWAYS AS (total * 1.2) STORED;
