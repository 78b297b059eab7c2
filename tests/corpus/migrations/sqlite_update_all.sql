-- engine: sqlite
-- expect: breaks
-- because: every row changes
UPDATE orders SET note = '';
