"""Owns the allocation of devices for resource claims (upstream's dynamic-resource-allocation/structured).

DynamicResources and NodeResourcesFit call it. `node_search.py` is the entry: it decides for all nodes at
once. `allocator.py` searches the devices of one node. May import the framework and what stands below it.
"""
