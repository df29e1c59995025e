"""kube-apiserver: upstream's API over etcd.

__main__ > options > app > its parts. Imports component_base, component_helpers, api, machinery; not client.
"""
