-- engine: postgresql
-- expect: breaks
-- because: the earlier release may write the same value twice
CREATE UNIQUE INDEX CONCURRENTLY one_number ON orders (number);
