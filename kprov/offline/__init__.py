"""Exports: one file with all that hosts without internet need.

`kprov bundle export` writes it, `kprov up --offline` reads it. Called by cli and operations. Imports bundle,
debian and errors.
"""
