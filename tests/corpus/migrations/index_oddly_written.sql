-- engine: postgresql
-- expect: blocks
-- because: the name may be missing, the method given
create index on public.orders using gin (tags);
