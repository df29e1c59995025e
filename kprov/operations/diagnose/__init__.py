"""Collects what a bug report needs from all hosts into one archive, without secrets.

Called by `kprov/cli/commands/diagnose.py`. Changes nothing on the hosts.
"""
