"""Graceful node shutdown: ends pods before the machine goes down (pkg/kubelet/nodeshutdown)."""
