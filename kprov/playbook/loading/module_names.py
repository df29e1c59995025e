"""The names of modules and actions, the arguments of actions, and alternatives of unsupported modules."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from kprov.transport import agent_modules

#: Collections whose modules may be used by their full names.
PREFIXES = ("ansible.builtin.", "ansible.legacy.", "ansible.posix.", "community.general.")
#: Other names of modules.
ALIASES = {
    "systemd": "systemd_service",
    "service": "systemd_service",
    "gather_facts": "setup",
    "package": "apt",
    "dnf5": "dnf",
    "yum": "dnf",
}
#: Actions that have a file of their own in actions/modules/.
ACTION_FILES = frozenset(
    path.stem
    for path in (Path(__file__).parents[1] / "actions" / "modules").glob("*.py")
    if path.stem != "__init__"
)
#: Actions of the run itself (actions/run_actions.py, the engine) and their arguments; None: any.
RUN_ACTIONS: dict[str, agent_modules.Table | None] = {
    "add_host": None,
    "assert": (
        {
            "that": {"type": "raw", "required": True},
            "fail_msg": {"type": "raw", "aliases": ["msg"]},
            "success_msg": {"type": "raw"},
            "quiet": {"type": "bool"},
        },
        {},
    ),
    "debug": (
        {"msg": {"type": "raw"}, "var": {"type": "raw"}, "verbosity": {"type": "int"}},
        {"mutually_exclusive": [["msg", "var"]]},
    ),
    "fail": ({"msg": {"type": "raw"}}, {}),
    "group_by": (
        {"key": {"type": "raw", "required": True}, "parents": {"type": "list", "elements": "str"}},
        {},
    ),
    "include_vars": (
        {
            "file": {"type": "raw"},
            "dir": {"type": "raw"},
            "name": {},
            "depth": {"type": "int"},
            "files_matching": {},
            "ignore_files": {"type": "raw"},
            "extensions": {"type": "raw"},
            "ignore_unknown_extensions": {"type": "bool"},
            "hash_behaviour": {"choices": ["replace", "merge"]},
        },
        {},
    ),
    "meta": None,
    "pause": (
        {"minutes": {"type": "raw"}, "seconds": {"type": "raw"}, "prompt": {}, "echo": {"type": "bool"}},
        {"mutually_exclusive": [["minutes", "seconds"]]},
    ),
    "set_fact": None,
    "set_stats": (
        {
            "data": {"type": "raw", "required": True},
            "per_host": {"type": "bool"},
            "aggregate": {"type": "bool"},
        },
        {},
    ),
    "validate_argument_spec": (
        {
            "argument_spec": {"type": "raw", "required": True},
            "provided_arguments": {"type": "raw"},
            "validate_args_context": {"type": "raw"},
        },
        {},
    ),
}
_ROLE_ARGUMENTS: dict[str, dict[str, Any]] = {
    "name": {"required": True},
    "tasks_from": {},
    "vars_from": {},
    "defaults_from": {},
    "handlers_from": {},
    "allow_duplicates": {"type": "bool"},
    "rolespec_validate": {"type": "bool"},
    "public": {"type": "bool"},
}
_FILE_ARGUMENTS: dict[str, dict[str, Any]] = {"file": {}}
INCLUDES: dict[str, agent_modules.Table] = {
    "import_role": (_ROLE_ARGUMENTS, {}),
    "include_role": ({**_ROLE_ARGUMENTS, "apply": {"type": "raw"}}, {}),
    "import_tasks": (_FILE_ARGUMENTS, {}),
    "include_tasks": ({**_FILE_ARGUMENTS, "apply": {"type": "raw"}}, {}),
}
RUN_ACTIONS.update(INCLUDES)
#: Modules that are not supported, with the alternative.
UNSUPPORTED_MODULES = {
    "include": "use include_tasks or import_tasks",
    "apt_key": "use deb822_repository with signed_by (a URL, a file or the key itself)",
    "async_wrapper": "use the keywords async and poll",
    "expect": "use shell with the program's non-interactive options",
    "git": "use get_url or unarchive, or command: git",
    "subversion": "use command: svn",
    "pip": "use command: python3 -m pip",
    "tempfile": "use command: mktemp",
    "win_command": "hosts are Linux",
    "include_playbook": "use import_playbook",
    "synchronize": "use copy or unarchive",
    "docker_container": "describe a unit file, or run a pod",
    "ufw": "use iptables, or a template for nftables",
    "firewalld": "use iptables, or a template for nftables",
    "seboolean": "use command: setsebool",
    "selinux": "use command: setenforce, and lineinfile for its configuration",
}
#: Modules of the agent that no task names.
INTERNAL = frozenset(("ansible_module",))
#: Modules whose text is a command, with some NAME=VALUE options.
FREE_FORM = {"command", "shell", "script", "raw"}
FREE_FORM_OPTIONS = {
    "creates",
    "removes",
    "chdir",
    "executable",
    "warn",
    "stdin",
    "stdin_add_newline",
    "strip_empty_ends",
}
#: Modules whose text is one value.
SINGLE_VALUE = {
    "meta",
    "include_tasks",
    "import_tasks",
    "include_vars",
    "win_command",
    "win_shell",
    "ansible.windows.win_command",
    "ansible.windows.win_shell",
}


def short_name(name: str) -> str:
    """Return the name of a module without its collection, unless the collection is unknown."""
    for prefix in PREFIXES:
        if name.startswith(prefix):
            name = name[len(prefix) :]
            break
    return name if name in known_modules() else ALIASES.get(name, name)


@functools.cache
def known_modules() -> frozenset[str]:
    """Return the names of all modules and actions."""
    return frozenset({*agent_modules.module_names(), *ACTION_FILES, *RUN_ACTIONS, "shell", "raw"} - INTERNAL)
