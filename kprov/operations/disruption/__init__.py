"""Kills parts of a healthy cluster one at a time and measures what its users notice.

Called by `kprov verify --disrupt`.
"""
