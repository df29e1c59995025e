"""The log files of containers: reading and rotating them (pkg/kubelet/kuberuntime/logs, pkg/kubelet/logs)."""
