"""kube-proxy: services as nftables maps. Imports client and below."""
