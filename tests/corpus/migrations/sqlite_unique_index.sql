-- engine: sqlite
-- expect: breaks
-- because: the earlier release may write the same value twice
CREATE UNIQUE INDEX one_number ON orders (number);
