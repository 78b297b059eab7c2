-- engine: postgresql
-- expect: breaks
-- because: case, comments and line breaks change nothing
alter /* quietly */ table only "orders"
    drop -- now
    if exists note cascade;
