-- engine: postgresql
-- expect: unread
-- because: what it executes is known only when it runs
PREPARE away AS DELETE FROM orders;
EXECUTE away;
