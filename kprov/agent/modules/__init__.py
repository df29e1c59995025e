"""One file per Ansible module; each has run(args, context) -> result. Independent of each other."""
