"""kube-proxy: services as nftables maps. Imports client and below.

`state.py` computes the table, `nftables/` renders it, `proxier.py` writes what differs.
"""
