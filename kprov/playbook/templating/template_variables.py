# Ansible's times have no zone.
# ruff: noqa: DTZ005, DTZ006
"""The variables that Ansible adds for a template file."""

from __future__ import annotations

import datetime as dt
import functools
import os
import pwd
from pathlib import Path
from typing import Any


def make_template_variables(
    path: Path, name: str, dest: str | None = None, *, managed: bool = True
) -> dict[str, Any]:
    """Return `template_*` of a file that the task calls `name`; `managed` adds `ansible_managed`."""
    now = path.stat()
    variables: dict[str, Any] = {
        "template_host": os.uname().nodename,
        "template_path": name,
        "template_mtime": dt.datetime.fromtimestamp(now.st_mtime),
        "template_uid": _find_user_name(now.st_uid),
        "template_run_date": dt.datetime.now(),
        "template_fullpath": str(path.absolute()),
        "template_destpath": dest,
    }
    if managed:
        variables["ansible_managed"] = "Ansible managed"
    return variables


@functools.cache
def _find_user_name(uid: int) -> str | int:
    """Return the name of a user of this machine, or the number."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return uid
