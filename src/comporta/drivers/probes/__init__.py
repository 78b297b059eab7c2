"""Probes: one question to one target, asked once. A failing answer is a result, not an exception."""
