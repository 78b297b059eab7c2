-- engine: postgresql
-- expect: breaks
-- because: the earlier release uses the old name
ALTER VIEW open_invoices RENAME TO unpaid_invoices;
