-- engine: sqlite
-- expect: breaks
-- because: the body of a trigger hides no statement that follows
CREATE TRIGGER note AFTER INSERT ON orders BEGIN UPDATE totals SET n = n + 1 WHERE id = 1; END;
DROP TABLE archive;
