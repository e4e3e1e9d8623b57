"""`python -m deploy import`: brings lists of another system in, through ingest as everything else, so that they are on record.

A file is read and checked whole before anything is posted; what was posted twice is known once.
"""
