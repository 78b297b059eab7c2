"""Everything that touches the real world: one file (or folder) per driver, and none imports another."""
