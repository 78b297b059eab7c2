-- engine: postgresql
-- expect: breaks, blocks
-- because: the same without a name
ALTER TABLE orders ADD UNIQUE (number);
