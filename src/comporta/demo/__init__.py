"""The demonstration: a real service, deployed with the real commands under real load, and what its users saw."""
