"""Ways to tell somebody outside: one file each."""
