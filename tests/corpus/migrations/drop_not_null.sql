-- engine: postgresql
-- expect: breaks
-- because: the new release may write what the earlier cannot read
ALTER TABLE orders ALTER COLUMN customer DROP NOT NULL;
