"""Owns the scheduling queue: pods without a node, and the events that let them be tried again.

`informers/` add pods and events, and `cycle/` takes pods out. May import the framework and what stands
below it.
"""
