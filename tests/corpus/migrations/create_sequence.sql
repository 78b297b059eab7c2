-- engine: postgresql
-- expect: safe
-- because: a new name
CREATE SEQUENCE invoice_numbers START 1000;
