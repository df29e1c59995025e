"""Paths, their contents and attributes, as Ansible's file modules handle them."""
