"""Owns what the scheduler watches: its informers, what they store, and how changes reach state and queue.

`app.py` connects it with the scheduler. May import the scheduling cycle and what stands below it.
"""
