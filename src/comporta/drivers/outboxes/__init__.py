"""What is still to be told, kept across processes."""
