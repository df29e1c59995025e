"""Owns the tables of components and container runtimes, which the roles read, too.

It may import kprov.content, which knows where the tables are, and kprov.errors.
"""
