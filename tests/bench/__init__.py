"""Benchmarks: ratios of one run on one machine, never asserted on time. `python -m tests.bench NAME`."""
