"""paramiko connections, jump hosts, host keys, local; the channel to the agent.

Every change to a host passes one gate here. May import inventory and agent.
"""
