-- engine: postgresql
-- expect: safe
-- because: a batch of bounded size
UPDATE orders SET note = '' WHERE id BETWEEN 1 AND 1000 AND note IS NULL;
