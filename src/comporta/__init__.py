"""comporta: deployment and rollback for web services, with no request lost."""
