"""kube-controller-manager: one file a controller. Imports client and below."""
