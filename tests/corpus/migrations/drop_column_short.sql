-- engine: postgresql
-- expect: breaks
-- because: the word COLUMN may be left out
ALTER TABLE orders DROP note;
