ALTER TABLE conversions ADD COLUMN size integer NOT NULL DEFAULT 0;
