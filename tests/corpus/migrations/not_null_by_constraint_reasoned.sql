-- engine: postgresql
-- expect: safe
-- because: the reason holds: a valid CHECK makes SET NOT NULL read nothing
-- comporta: safe because orders_note_present is valid since 0041, and 1.9 writes no NULL
ALTER TABLE orders ALTER COLUMN note SET NOT NULL;
