"""Names that look like facts and are not: how to reach a host, and what the engine itself tells.

Ansible removes such names from facts too (clean_facts): a host must not decide how it is reached, on which
machine its tasks run, or with which program they become root.
"""

from __future__ import annotations

_PREFIX = "ansible_"
_NAMES = frozenset(
    (
        # How a host is reached.
        "connection", "host", "port", "user", "password", "timeout", "remote_user", "remote_addr",
        "remote_port", "remote_tmp", "private_key_file", "private_key_passphrase", "host_key_checking",
        "ssh_host_key_checking",
        "become", "su", "sudo", "pipelining", "async_dir", "network_os", "executable", "module_compression",
        # What the engine tells.
        "facts", "check_mode", "diff_mode", "version", "run_tags", "skip_tags", "limit", "forks",
        "verbosity", "config_file", "inventory_sources", "playbook_python", "search_path", "managed",
        "collection_name", "role_name", "role_names", "dependent_role_names", "parent_role_names",
        "parent_role_paths", "loop", "loop_var", "index_var", "item_label", "group_priority", "name",
    )
)  # fmt: skip
_GROUPS = (
    "become_", "ssh_", "sudo_", "su_", "doas_", "paramiko_", "common_", "scp_", "sftp_", "shell_", "winrm_",
    "psrp_", "play_", "delegated_", "failed_", "async_", "env_", "remote_",
)  # fmt: skip
#: What the engine tells without the prefix.
_MAGIC = frozenset(
    (
        "group_names", "groups", "hostvars", "inventory_dir", "inventory_file", "inventory_hostname",
        "inventory_hostname_short", "item", "omit", "play_hosts", "playbook_dir", "role_name", "role_names",
        "role_path", "role_uuid", "vars", "environment", "lookup", "query", "q", "undef", "now", "range",
    )
)  # fmt: skip
#: Facts in spite of their first words.
_FACTS = ("ssh_host_key_",)


def is_reserved(name: str) -> bool:
    """Whether the variable `ansible_...` is never taken from facts."""
    bare = name.removeprefix(_PREFIX)
    if bare in _NAMES or bare.endswith("_interpreter"):
        return True
    return bare.startswith(_GROUPS) and not bare.startswith(_FACTS)


def can_be_bare(name: str) -> bool:
    """Whether a fact that its module named without `ansible_` is a variable of this name."""
    return name.isidentifier() and name not in _MAGIC and not name.startswith(("kprov_", "ansible_", "_"))
