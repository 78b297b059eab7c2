-- engine: sqlite
-- expect: unread
-- because: another file takes part
ATTACH DATABASE 'other.db' AS other;
