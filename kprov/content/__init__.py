"""Owns the places of kprov's own files: playbooks, roles and templates, and the folder of caches.

All layers of the provisioner above may call it. It imports nothing of kprov.
"""
