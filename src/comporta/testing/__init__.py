"""Fakes, and the contract suites that they and the real drivers both pass. Shipped, for third parties' drivers."""
