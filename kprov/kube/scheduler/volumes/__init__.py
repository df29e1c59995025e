"""Volumes of pods: what is known of them, which fit on which node, and how claims are bound.

The plugins of volumes call it. It imports the scheduler's state.
"""
