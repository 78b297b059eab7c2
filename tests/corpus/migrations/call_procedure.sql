-- engine: postgresql
-- expect: unread
-- because: what it does stands elsewhere
CALL tidy_up();
