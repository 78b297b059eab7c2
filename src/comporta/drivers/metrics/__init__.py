"""Where further metrics of the service come from."""
