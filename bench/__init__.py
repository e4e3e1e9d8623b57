"""`make bench`: every stage against its baseline in the same run; docs/benchmarks.md tells more."""
