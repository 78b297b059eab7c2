-- engine: postgresql
-- expect: blocks
-- because: a condition that always holds is none
UPDATE orders SET state = 'new' WHERE true;
