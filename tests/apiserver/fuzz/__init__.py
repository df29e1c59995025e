"""Requests no client should send, against one real server of two processes: none may be answered with 5xx but where
upstream does so too, none without a Status, none may end a process.

KPROV_FUZZ_CASES: how many are played (80; `make fuzz` 10,000: half made by hand, half from the published OpenAPI, of
which a run that long meets every operation). KPROV_FUZZ_SEED: other cases; the same number makes the same cases again.
"""
