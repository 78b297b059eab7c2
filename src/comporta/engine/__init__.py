"""The pure machine that decides what comes next, and the thin shell that does it and writes it down."""
