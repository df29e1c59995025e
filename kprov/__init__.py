"""kprov: from bare machines to a verified, highly available Kubernetes cluster, over SSH."""

__version__ = "0.2.0.dev0"
