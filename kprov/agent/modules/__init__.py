"""Ansible's modules, one file each, with run(args, context) -> result. No module imports another one."""
