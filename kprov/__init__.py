"""kprov: from bare machines to a verified, highly available Kubernetes cluster, over SSH."""

__version__ = "0.1.0"
