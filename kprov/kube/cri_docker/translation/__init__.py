"""CRI's terms in Docker's, for sandboxes and containers: names, labels, times, security, resources.

Functions from values to values. Imports the messages of CRI only.
"""
