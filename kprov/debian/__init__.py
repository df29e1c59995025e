"""Debian as this machine gets it: its archives said for any release, and packages fetched from them.

Called by lab and bundle. Imports only errors.
"""
