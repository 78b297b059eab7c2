"""Scripts that other Pythons run by their path: a folder of their own, so that nothing beside them is imported."""
