"""Archives that ansible.builtin.unarchive extracts."""
