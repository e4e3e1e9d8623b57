"""`python -m query`: answers questions from ClickHouse over HTTP."""
