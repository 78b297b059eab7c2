-- engine: sqlite
-- expect: safe
-- because: a row that nobody asks for yet
INSERT OR IGNORE INTO settings (name, value) VALUES ('a', 'b');
