"""The Ansible language: load, variables, templating, strategy, handlers, diff, journal.

Called by operations. May import transport and below.
"""
