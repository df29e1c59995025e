"""ansible.builtin.template: rendered here, brought as a copy."""

from __future__ import annotations

import datetime as dt
import os
import pwd
from pathlib import Path

from kprov.playbook.action.base import ActionError, Call, Remote, text


def render(call: Call, path: Path) -> str:
    """The text of a template for this host."""
    now = path.stat()
    time = dt.datetime.fromtimestamp(now.st_mtime)  # noqa: DTZ006 - Ansible's is local too
    special = {
        "template_path": str(path),
        "template_fullpath": str(path.resolve()),
        "template_host": os.uname().nodename,
        "template_uid": pwd.getpwuid(now.st_uid).pw_name,
        "template_run_date": dt.datetime.now(),  # noqa: DTZ005 - Ansible's is local too
        "template_mtime": time,
        "ansible_managed": "Ansible managed",
    }
    names = (
        "trim_blocks",
        "lstrip_blocks",
        "variable_start_string",
        "variable_end_string",
        "block_start_string",
        "block_end_string",
        "newline_sequence",
    )
    overrides = {name: call.args[name] for name in names if name in call.args}
    return call.templar.file(path, call.scope.above(special), tuple(call.search("templates")), overrides)


def prepare(call: Call) -> Remote:
    for name in ("src", "dest"):
        if not call.args.get(name):
            raise ActionError(f"{name} is required")
    path = call.find(str(call.args["src"]), "templates")
    sha, data = text(render(call, path))
    return Remote(
        "copy",
        {
            **call.args,
            "_sha256": sha,
            "_name": path.name.removesuffix(".j2"),
            "_mode": path.stat().st_mode & 0o7777,
        },
        {sha: data},
    )
