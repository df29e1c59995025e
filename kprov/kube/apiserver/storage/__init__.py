"""The storage of objects: the interface, and its implementation on etcd v3.

Called by registry/ and cacher/; imports machinery and component_base. Only etcd3/ talks to etcd.
"""
