"""Builders of Kubernetes objects for tests: one module for each kind.

build_KIND returns the object as its JSON document, with what the API server requires and nothing else;
view_KIND returns the typed view of the same document. Keyword arguments that a builder does not name are
fields of the object's spec, as the API spells them.
"""
