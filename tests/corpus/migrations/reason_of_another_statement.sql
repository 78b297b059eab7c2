-- engine: postgresql
-- expect: breaks
-- because: the reason belongs to the first statement only
-- comporta: safe because nobody reads note
ALTER TABLE orders DROP COLUMN note;
ALTER TABLE orders DROP COLUMN remark;
