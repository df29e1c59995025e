"""The keywords of plays, blocks, tasks and roles, and the alternatives of unsupported ones."""

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
    "delegate_facts",
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
    "async",
    "poll",
    "action",
    "local_action",
}
HANDLER = TASK | {"listen"}
BLOCK = COMMON | {"block", "rescue", "always"}
PLAY = (COMMON - {"when", "delegate_to", "delegate_facts", "notify"}) | {
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
    "user",  # an older name of remote_user
}
IMPORT_PLAYBOOK = {"import_playbook", "name", "vars", "tags", "when"}
ROLE = (COMMON - {"name", "notify"}) | {"role", "name"}
LOOP_CONTROL = {
    "loop_var",
    "index_var",
    "label",
    "pause",
    "extended",
    "extended_allitems",
    "break_when",
}
PROMPT_OPTIONS = {
    "name",
    "prompt",
    "default",
    "private",
    "confirm",
    "encrypt",
    "salt",
    "salt_size",
    "unsafe",
}
#: Keywords of Ansible that have no effect, with the alternative.
IGNORED_KEYWORDS = {
    "debugger": "use --step, --check, --diff and debug tasks",
}
#: Values of the keyword `debugger`.
DEBUGGERS = ("always", "never", "on_failed", "on_unreachable", "on_skipped")
STRATEGIES = ("linear", "free", "host_pinned")
#: Strategies of Ansible that run tasks in the order of another one, by the name of that one.
SIMILAR_STRATEGIES = {
    "debug": "linear",
    "mitogen": "linear",
    "mitogen_linear": "linear",
    "mitogen_free": "free",
    "mitogen_host_pinned": "host_pinned",
}
ORDERS = ("inventory", "reverse_inventory", "sorted", "reverse_sorted", "shuffle")
