"""Every strategy, runtime and router, killed at every point: how a cell is played, and what has to be true after it."""
