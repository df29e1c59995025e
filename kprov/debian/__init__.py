"""Debian packages of any release, from this machine's mirrors.

Called by lab and bundle. Imports only errors.
"""
