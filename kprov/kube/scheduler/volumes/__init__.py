"""Owns the volumes of pods: listers, limits of nodes, matching of claims and volumes, and their binding.

The volume plugins call it. May import the framework and what stands below it.
"""
