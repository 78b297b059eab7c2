-- engine: postgresql
-- expect: blocks
-- because: it is only bounded if both sides are
UPDATE orders SET state = 'new' WHERE id = 1 OR state IS NULL;
