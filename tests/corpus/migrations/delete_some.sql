-- engine: postgresql
-- expect: breaks
-- because: the earlier release may need this row
DELETE FROM settings WHERE name = 'old';
