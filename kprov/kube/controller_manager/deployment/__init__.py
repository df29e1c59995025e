"""Rolls deployments out through replica sets.

Run by app. `rolling`, `template` and `progress` are functions of values; `controller` writes.
"""
