"""Deletes objects whose owners are gone, in the order their owners' deletion asked for.

Run by app. `graph` is a value; `monitors` fills it from metadata-only watches; `controller` writes.
"""
