-- engine: postgresql
-- expect: unread
-- because: nobody can tell where it ends
INSERT INTO settings (name) VALUES ('open);
DROP TABLE orders;
