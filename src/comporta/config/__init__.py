"""The file `comporta.yml` → a validated, typed spec; errors with file, line and column. Reads, changes nothing."""
