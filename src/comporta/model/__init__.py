"""Frozen value types and the error classes. This room imports nothing of comporta, does no I/O and has no clock."""
