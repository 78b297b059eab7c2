-- engine: postgresql
-- expect: breaks
-- because: a string is no annotation
ALTER TABLE orders ADD COLUMN a text DEFAULT '-- comporta: safe because it says so', DROP COLUMN note;
