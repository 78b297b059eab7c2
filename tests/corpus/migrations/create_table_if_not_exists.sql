-- engine: postgresql
-- expect: safe
-- because: a new table, or none
CREATE TABLE IF NOT EXISTS invoices (id bigint PRIMARY KEY);
