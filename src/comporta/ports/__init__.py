"""What the steps and use cases need of the world, as Protocols. Drivers implement them; nobody here does I/O."""
