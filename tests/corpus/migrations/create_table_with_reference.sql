-- engine: postgresql
-- expect: safe
-- because: a new, empty table: the check of its foreign key reads nothing
CREATE TABLE lines (id bigint PRIMARY KEY, invoice bigint REFERENCES invoices (id), note text);
