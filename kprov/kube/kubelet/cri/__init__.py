"""cri of kubelet."""
