"""Generates the ResourceClaims of pods, and ends their reservations and allocations.

The registry loads its controller. It imports the framework and the rules of resource claims.
"""
