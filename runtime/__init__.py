"""The small shared place for what truly is shared I/O: clients, the HTTP frame, logs, metrics, the tenants file."""
