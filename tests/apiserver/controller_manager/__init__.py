"""Controllers with upstream's bootstrap roles, against a real server and etcd."""
