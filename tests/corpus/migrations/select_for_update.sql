-- engine: postgresql
-- expect: blocks
-- because: it locks every row that it reads
SELECT id FROM orders FOR UPDATE;
