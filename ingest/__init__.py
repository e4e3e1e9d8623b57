"""Ingest: takes the providers' callbacks, verifies them and stores them in Kafka before it says so."""
