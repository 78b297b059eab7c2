ALTER TABLE conversions ADD COLUMN resources integer;
