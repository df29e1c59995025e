"""Where objects are kept: the interface, and etcd v3 behind it.

Called by registry/ and cacher/; imports machinery and component_base. Only etcd3/ talks to etcd.
"""
