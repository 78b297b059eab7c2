-- engine: postgresql
-- expect: breaks
-- because: between the two statements nothing is wrong, but the view takes no INSERT … RETURNING ctid, and a name changed
ALTER TABLE orders RENAME TO purchases;
CREATE VIEW orders AS SELECT * FROM purchases;
