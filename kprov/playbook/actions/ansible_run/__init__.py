"""Tasks whose module has an action plugin: each is one run of the installed ansible-core for one host.

running/call_builder calls it.
It imports the other modules of actions, connections and the layers below.
"""
