"""Connections that go on to a kubelet, a node or a backend: logs, exec, attach, port forwarding, proxies.

Built by subresources. May import authn, registry and component_base.
"""
