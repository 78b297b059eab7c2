"""Drivers that change the schema of a database, one file each."""
