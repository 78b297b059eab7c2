-- engine: postgresql
-- expect: breaks
-- because: the earlier release may name it in ON CONFLICT
ALTER TABLE orders DROP CONSTRAINT orders_number_key;
