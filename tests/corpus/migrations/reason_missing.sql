-- engine: postgresql
-- expect: breaks
-- because: an annotation without a reason counts for nothing
-- comporta: safe
ALTER TABLE orders DROP COLUMN note;
