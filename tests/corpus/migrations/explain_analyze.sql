-- engine: postgresql
-- expect: unread
-- because: it executes what it explains
EXPLAIN ANALYZE DELETE FROM orders;
