"""Deletes pods that use devices with taints they do not tolerate.

The registry loads its controller. It imports the framework and the rules of resource claims.
"""
