-- engine: postgresql
-- expect: safe
-- because: it changes nothing
SELECT count(*) FROM orders WHERE id = 1;
