"""Hosts, groups, variables and their validation, before any host is touched.

Imports only errors.
"""
