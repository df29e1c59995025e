"""A callback plugin for ansible-core: writes the result of the only task as JSON.

It runs in the child process, from a copy: it imports nothing of kprov.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: kprov_result
type: stdout
short_description: writes the result of the only task as JSON
description: The variable KPROV_TASK_SETTINGS names a file with the settings.
"""
_PR_SET_PDEATHSIG = 1


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Prints nothing. ansible-core calls the methods."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "kprov_result"

    def __init__(self) -> None:
        super().__init__()
        self._settings: dict[str, Any] = json.loads(Path(os.environ["KPROV_TASK_SETTINGS"]).read_text())
        # If kprov is killed, ansible-core ends its workers at this signal.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != self._settings["parent"]:
            os._exit(1)

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Look for files where the task itself stands, not in the folder of this run."""
        settings = self._settings
        # ansible-core has read them. They may have passwords.
        for name in settings["secret_files"]:
            path = Path(name)
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        play._loader.set_basedir(settings["basedir"])
        for host, facts in settings["facts"].items():
            play._variable_manager.set_host_facts(host, facts)
        for role in play.roles:
            path = settings["role"]["path"]
            play.role_cache[path] = play.role_cache[role._role_path]
            role._role_name, role._role_path = settings["role"]["name"], path

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        """Search files in the folders that kprov searches."""
        folders = self._settings["search"]
        type(task).get_search_path = lambda _: list(folders)

    def v2_runner_on_ok(self, result: Any) -> None:
        self._write(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._write(result, failed=True)

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._write(result, skipped=True)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._write(result, unreachable=True)

    def _write(self, result: Any, **status: bool) -> None:
        file = Path(self._settings["result"])
        aside = file.with_suffix(".tmp")
        values = {**result.result, **status}
        aside.write_text(json.dumps({"results": [values]}, default=str))
        aside.replace(file)
