"""The kubelet's configuration: KubeletConfiguration and the command line. Imports nothing of the kubelet."""
