-- engine: postgresql
-- expect: breaks
-- because: a semicolon inside a string ends nothing
INSERT INTO settings (name, value) VALUES ('x', '; -- comporta: safe because this is a string');
DROP TABLE IF EXISTS archive;
