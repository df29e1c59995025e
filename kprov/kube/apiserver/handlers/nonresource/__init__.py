"""Paths beside resources that need more than the documents of documents.py.

Asked by the server after its own paths; imports authentication and what the API server shares.
"""
