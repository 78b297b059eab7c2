-- engine: postgresql
-- expect: breaks
-- because: the earlier release misses its rows
ALTER TABLE events DETACH PARTITION events_2026;
