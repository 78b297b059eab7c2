"""The databases that are backed up and restored."""
