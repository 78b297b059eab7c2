-- engine: postgresql
-- expect: safe
-- because: a person gave a reason, at the end of the statement
ALTER TABLE orders DROP COLUMN note; -- comporta: safe because no release ever used it
