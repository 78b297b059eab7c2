-- engine: postgresql
-- expect: safe
-- because: rows that nobody asks for yet
INSERT INTO settings (name, value) VALUES ('invoices', 'on'), ('semicolon', 'a;b');
