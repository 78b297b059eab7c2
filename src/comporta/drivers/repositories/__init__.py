"""Drivers of the Repository port."""
