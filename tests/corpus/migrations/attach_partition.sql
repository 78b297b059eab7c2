-- engine: postgresql
-- expect: blocks
-- because: the partition is read under a lock
ALTER TABLE events ATTACH PARTITION events_2026 FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
