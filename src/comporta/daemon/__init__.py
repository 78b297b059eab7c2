"""What runs for good: `comporta serve`."""
