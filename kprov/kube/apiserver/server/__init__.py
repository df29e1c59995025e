"""The listener and the chain that every request runs through; TLS, workers, health and metrics.

Built by app.py. May import handlers and everything below them.
"""
