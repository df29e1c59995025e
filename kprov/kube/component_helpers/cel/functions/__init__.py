"""Functions of Kubernetes' CEL libraries, a file for each library (k8s.io/apiserver/pkg/cel/library)."""
