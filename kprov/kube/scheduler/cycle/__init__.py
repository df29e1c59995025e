"""Owns the scheduling cycle: take a pod from the queue, choose its node, and start its binding.

`app.py` runs `scheduler.py`. May import binding and what stands below it, but no plugin: profiles bring
the plugins.
"""
