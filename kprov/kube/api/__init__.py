"""Typed views (msgspec) of the fields the components use, one file per API group."""
