"""Connections to kubelets and backends: upgrades, WebSocket channels, tunnels, forwarded requests.

Built by subresources. May import authn, registry and component_base.
"""
