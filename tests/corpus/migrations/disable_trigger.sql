-- engine: postgresql
-- expect: unread
-- because: what the trigger did for the earlier release is missing
ALTER TABLE orders DISABLE TRIGGER ALL;
