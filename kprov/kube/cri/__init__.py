"""The messages of the Container Runtime Interface, v1, generated from runtime.proto by `make proto`.

The kubelet sends them, a runtime's server answers them. Imports nothing.
"""
