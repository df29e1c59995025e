"""Modules and filters that are not kprov's own: from library/, filter_plugins/, collections and ansible-core.

The loader and the actions call it. Only `core` imports ansible-core, and only when something needs it.
"""
