-- engine: postgresql
-- expect: safe
-- because: a new table
CREATE TABLE events (id bigint, at date NOT NULL) PARTITION BY RANGE (at);
