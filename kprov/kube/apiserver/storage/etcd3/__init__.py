"""storage/etcd3 of apiserver."""
