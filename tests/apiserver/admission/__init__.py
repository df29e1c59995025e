"""Admission and allocation against real API servers over a real etcd."""
