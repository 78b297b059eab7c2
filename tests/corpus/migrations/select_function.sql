-- engine: postgresql
-- expect: unread
-- because: a function can do anything
SELECT tidy_up();
