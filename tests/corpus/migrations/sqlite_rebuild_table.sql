-- engine: sqlite
-- expect: breaks
-- because: the table that the earlier release uses is dropped
CREATE TABLE new_orders (id INTEGER PRIMARY KEY, note TEXT);
INSERT INTO new_orders SELECT id, note FROM orders;
DROP TABLE orders;
ALTER TABLE new_orders RENAME TO orders;
