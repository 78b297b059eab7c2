-- engine: postgresql
-- expect: safe
-- because: a new name
CREATE VIEW open_invoices AS SELECT id, customer FROM invoices WHERE paid_at IS NULL;
