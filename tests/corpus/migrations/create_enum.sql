-- engine: postgresql
-- expect: safe
-- because: a new type
CREATE TYPE mood AS ENUM ('good', 'bad');
