-- comporta: contract
-- Only releases before 2.0.0 keep the size of an upload: the store knows it.
ALTER TABLE conversions DROP COLUMN size;
