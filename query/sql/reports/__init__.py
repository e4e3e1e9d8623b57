"""The rows of the reports. Each function gives SQL to stand behind FROM, and binds its values in the `where` it is given."""
