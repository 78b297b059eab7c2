-- engine: postgresql
-- expect: breaks
-- because: the earlier release writes the old value
ALTER TYPE mood RENAME VALUE 'bad' TO 'sad';
