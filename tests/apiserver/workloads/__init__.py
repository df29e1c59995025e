"""Controllers of workloads against a real API server and etcd, with a fake kubelet and no hosts."""
