"""kubeconfig, REST, reflector, store, informer, lister, work queue, leader election, events.

Called by every component but the API server. Imports component_base, api, machinery.
"""
