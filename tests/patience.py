"""How long tests wait for what is to come."""

PATIENCE = 3.0
"""Every limit is what a quiet machine needs at most, and is waited for so many times as long before a test fails: `make test`
runs two processes of tests with their servers on what may be two slow cores."""
