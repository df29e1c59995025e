"""Entries of upstream's conformance list that need an API server only; tests are named after them."""
