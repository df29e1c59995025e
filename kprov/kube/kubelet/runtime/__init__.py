"""Drives the container runtime: what a pod needs, its sandbox, its containers (pkg/kubelet/kuberuntime).

`kubelet.py` calls it. It imports images, volumes, probes and pods.
"""
