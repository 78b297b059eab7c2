-- engine: postgresql
-- expect: breaks
-- because: the earlier release still reads it
DROP VIEW open_invoices;
