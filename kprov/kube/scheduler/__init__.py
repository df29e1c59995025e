"""kube-scheduler: binds pods to nodes. Imports client and below."""
