-- engine: postgresql
-- expect: safe
-- because: the rows that are there are not touched, and the column is new to the earlier release
ALTER TABLE orders ADD COLUMN token uuid, ALTER COLUMN token SET DEFAULT gen_random_uuid();
