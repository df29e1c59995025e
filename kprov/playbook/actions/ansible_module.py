"""A task whose module is written for Ansible: the call for the agent, and its result."""

from __future__ import annotations

from typing import Any

from kprov.playbook.actions.call import Call, ModuleCall
from kprov.playbook.ansible_modules import payloads
from kprov.playbook.model.ansible_module import AnsibleModule

#: Arguments that ansible-core adds for each module; the agent adds modes and folders.
_TOLD: dict[str, Any] = {
    "_ansible_debug": False,
    "_ansible_syslog_facility": "LOG_USER",
    "_ansible_selinux_special_fs": ["fuse", "nfs", "vboxsf", "ramfs", "9p", "vfat"],
    "_ansible_socket": None,
    "_ansible_shell_executable": "/bin/sh",
    "_ansible_keep_remote_files": False,
    "_ansible_ignore_unknown_opts": False,
    "_ansible_target_log_info": None,
    "_ansible_tracebacks_for": [],
    "_ansible_version": "2.19.0",
}


def prepare(call: Call, module: AnsibleModule) -> ModuleCall:
    """Return the call that sends the module and its arguments. Raises InputError."""
    packed = payloads.load_payload(module)
    internal = {
        **_TOLD,
        "_ansible_no_log": call.hidden,
        "_ansible_verbosity": call.options.verbosity,
        "_ansible_module_name": module.name,
    }
    args = {
        "_kind": packed.kind,
        "_name": module.path.name.removesuffix(".py"),
        "_sha256": packed.sha256,
        "_module": packed.module,
        "_profile": packed.profile,
        "_arguments": {**call.args, **internal},
    }
    return ModuleCall("ansible_module", args, {packed.sha256: packed.data})


def finish(result: dict[str, Any]) -> dict[str, Any]:
    """Return the result as tasks register it, without ansible-core's internal keys."""
    return {
        key: _remove_type_notes(value)
        for key, value in result.items()
        if key != "invocation" and not key.startswith("_ansible_")
    }


def _remove_type_notes(value: Any) -> Any:
    """Return values without the type notes of ansible-core's JSON; an event becomes its text."""
    if isinstance(value, list):
        return [_remove_type_notes(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "__ansible_type" in value:
        event = value.get("event") or value
        text = [event.get(key) for key in ("msg", "value", "formatted_traceback") if event.get(key)]
        return (
            text[0] if text else {k: _remove_type_notes(v) for k, v in value.items() if k != "__ansible_type"}
        )
    return {key: _remove_type_notes(item) for key, item in value.items()}
