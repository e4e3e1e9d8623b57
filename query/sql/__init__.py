"""All SQL of the query server. Values are always bound, and what a request may see enters in one place, `Where`."""
