"""The server of exec, attach and port forwarding: SPDY/3.1 at a port of 127.0.0.1, for the kubelet.

Called by the service and app. Imports containers, engine and component_base.
"""
