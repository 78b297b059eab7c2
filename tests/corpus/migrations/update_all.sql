-- engine: postgresql
-- expect: breaks, blocks
-- because: every row is locked and changed
UPDATE orders SET state = 'new';
