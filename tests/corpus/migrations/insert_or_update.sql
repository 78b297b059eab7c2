-- engine: postgresql
-- expect: safe
-- because: rows picked by their key
INSERT INTO settings (name, value) VALUES ('invoices', 'on') ON CONFLICT (name) DO UPDATE SET value = 'on';
