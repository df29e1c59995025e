"""Faults on real hosts: what is killed, full, late or locked, and what a run says and does about it."""
