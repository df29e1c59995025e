"""Typed views (msgspec) of the fields that components use, by API group."""
