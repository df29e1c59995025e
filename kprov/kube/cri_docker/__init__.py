"""cri-docker: serves the Container Runtime Interface over Docker Engine's API, as cri-dockerd does.

The kubelet calls it at a Unix socket. Imports component_base, cri and below.
"""
