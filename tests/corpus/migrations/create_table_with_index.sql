-- engine: postgresql
-- expect: safe
-- because: the index is of a table that the same migration made
CREATE TABLE invoices (id bigint PRIMARY KEY, customer text NOT NULL);
CREATE UNIQUE INDEX invoices_by_customer ON invoices (customer);
ALTER TABLE invoices ADD CONSTRAINT named CHECK (customer <> '');
