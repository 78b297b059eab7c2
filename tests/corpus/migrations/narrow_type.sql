-- engine: postgresql
-- expect: breaks
-- because: the earlier release writes longer text
ALTER TABLE orders ALTER note TYPE varchar(10);
