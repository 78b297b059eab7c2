-- engine: postgresql
-- expect: breaks
-- because: everything in it goes as well
DROP SCHEMA reporting CASCADE;
