"""The words of the language: what is known, and what to use instead of what is not."""

from __future__ import annotations

COMMON = {
    "name",
    "vars",
    "environment",
    "become",
    "become_user",
    "become_method",
    "become_flags",
    "become_exe",
    "check_mode",
    "diff",
    "no_log",
    "tags",
    "run_once",
    "ignore_errors",
    "ignore_unreachable",
    "any_errors_fatal",
    "throttle",
    "timeout",
    "connection",
    "port",
    "remote_user",
    "collections",
    "debugger",
    "module_defaults",
    "when",
    "delegate_to",
    "notify",
}
TASK = COMMON | {
    "args",
    "loop",
    "loop_control",
    "register",
    "changed_when",
    "failed_when",
    "until",
    "retries",
    "delay",
    "listen",
    "delegate_facts",
    "async",
    "poll",
    "action",
    "local_action",
}
BLOCK = COMMON | {"block", "rescue", "always"}
PLAY = (COMMON - {"when", "delegate_to", "notify"}) | {
    "hosts",
    "vars_files",
    "vars_prompt",
    "roles",
    "pre_tasks",
    "tasks",
    "post_tasks",
    "handlers",
    "serial",
    "strategy",
    "max_fail_percentage",
    "gather_facts",
    "gather_subset",
    "gather_timeout",
    "force_handlers",
    "order",
    "fact_path",
}
ROLE = (COMMON - {"name", "notify"}) | {"role", "name"}
#: Known to Ansible, not to this engine: keyword, and what to do instead.
REFUSED = {
    "async": "run the program through systemd-run, and wait for it with until",
    "poll": "leave it out",
    "debugger": "use --check, --diff and debug tasks",
    "vars_prompt": "give the variable with -e or in the inventory",
    "module_defaults": "write the arguments at each task",
    "action": "write the module's name as the key",
    "local_action": "use delegate_to: localhost",
    "timeout": "use the command `timeout`",
    "connection": "set ansible_connection in the inventory",
    "port": "set ansible_port in the inventory",
    "remote_user": "set ansible_user in the inventory",
    "become_flags": "leave it out",
    "fact_path": "leave it out",
    "ignore_unreachable": "leave it out: other hosts go on without a dead one",
}
PREFIXES = ("ansible.builtin.", "ansible.legacy.", "ansible.posix.", "community.general.")
#: Modules the agent runs just as they are called.
REMOTE = {
    "apt",
    "file",
    "stat",
    "slurp",
    "find",
    "lineinfile",
    "blockinfile",
    "replace",
    "systemd_service",
    "user",
    "group",
    "sysctl",
    "modprobe",
    "hostname",
    "wait_for",
    "package_facts",
    "service_facts",
    "setup",
    "ping",
    "command",
}
ALIASES = {
    "systemd": "systemd_service",
    "service": "systemd_service",
    "gather_facts": "setup",
    "package": "apt",
}
ACTIONS = {
    "debug",
    "assert",
    "fail",
    "set_fact",
    "include_vars",
    "add_host",
    "group_by",
    "pause",
    "meta",
    "template",
    "copy",
    "fetch",
    "unarchive",
    "script",
    "shell",
    "wait_for_connection",
    "raw",
}
INCLUDES = {"include_tasks", "import_tasks", "include_role", "import_role"}
INSTEAD = {
    "get_url": "copy the file from the operator",
    "uri": "use command with curl",
    "include": "use include_tasks or import_tasks",
}
FREE_FORM = {"command", "shell", "script", "raw"}


def short(name: str) -> str:
    """A module's name without its collection; the name itself when the collection is not known."""
    for prefix in PREFIXES:
        if name.startswith(prefix):
            return name[len(prefix) :]
    return name
