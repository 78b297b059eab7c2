-- engine: postgresql
-- expect: safe
-- because: a batch of bounded size
UPDATE orders SET note = '' WHERE id IN (SELECT id FROM orders WHERE note IS NULL LIMIT 500);
