"""Custom resources: the rules, the columns and the stored form of the kinds that definitions add.

May import: registry.generic, cacher. Only registry.custom_kinds and handlers import it.
"""
