-- engine: postgresql
-- expect: breaks
-- because: it holds at once for what the earlier release writes
ALTER TABLE orders ADD CONSTRAINT positive CHECK (total > 0) NOT VALID;
