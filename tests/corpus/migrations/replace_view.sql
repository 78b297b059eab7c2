-- engine: postgresql
-- expect: breaks
-- because: the earlier release reads something else
CREATE OR REPLACE VIEW open_invoices AS SELECT id FROM invoices;
