"""Nodes: their pod ranges, their health, and the pods of those that fail.

Run by app. `health` and `cidrs` are functions and values; the controllers write.
"""
