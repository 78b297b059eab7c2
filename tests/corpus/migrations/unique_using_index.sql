-- engine: postgresql
-- expect: unread
-- because: it is safe only if that index is valid and unique
ALTER TABLE orders ADD CONSTRAINT one_number UNIQUE USING INDEX one_number;
