"""SQL → is it safe while requests are served? Static reading only: no I/O, no database, no clock.

The rule of the room: safe is what a rule knows to be safe. Everything else is a hazard, also what nobody can read.
"""
