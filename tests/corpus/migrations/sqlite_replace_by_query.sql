-- engine: sqlite
-- expect: blocks
-- because: rows that are there are replaced, as many as the query finds
INSERT OR REPLACE INTO orders (id, note) SELECT id, note FROM news;
