"""kubelet: registers the node and runs its pods through CRI (upstream's pkg/kubelet).

`app` builds it, `kubelet` has the steps of a pod's life, `pod_workers` runs them for each pod.
Imports client and below.
"""
