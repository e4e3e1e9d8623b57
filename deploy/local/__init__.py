"""The local run: embedded Kafka, embedded ClickHouse and the supervisor of `make run`. Not in the production image."""
