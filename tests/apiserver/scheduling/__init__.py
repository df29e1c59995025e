"""The scheduler over a real API server, with a fake kubelet for two nodes."""
