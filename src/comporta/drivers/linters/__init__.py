"""Other readers of SQL, one file each."""
