-- engine: postgresql
-- expect: safe
-- because: it locks the rows that are named
UPDATE settings SET value = 'off' WHERE name IN ('invoices', 'archive');
