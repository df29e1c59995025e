"""The listener, the chain of filters for each request, TLS, worker processes, health checks and metrics.

Built by app.py. May import handlers and everything below them.
"""
