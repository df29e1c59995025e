"""Saves the agent's compiled code for its next start.

BOOTSTRAP in transport's archive.py reads this file when it imports the agent. It is marshal of
{module: (is a package, marshal of its code, True) or (is a package, its source, False)}. Compiling takes most
of the start time. Modules that no run has needed yet stay sources.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import sys


def save_compiled() -> None:
    """Save the modules that this agent compiled, and remove the files of other versions."""
    loader = getattr(sys.modules["kprov"].__spec__, "loader", None)
    folder = getattr(loader, "folder", None)
    if loader is None or folder is None or not loader.fresh:
        return
    new = {name: (loader.modules[name][0], marshal.dumps(code), True) for name, code in loader.fresh.items()}
    code = {**loader.modules, **new}
    path = os.path.join(folder, loader.compiled)
    temporary = f"{path}.{os.getpid()}"
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(marshal.dumps(code))
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, path)
        for name in os.listdir(folder):
            older = name.startswith("agent-") and not name.startswith(loader.archive)
            if older or _is_abandoned(name):
                os.unlink(os.path.join(folder, name))
    except OSError:
        # The disk is full: the next start compiles again.
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def _is_abandoned(name: str) -> bool:
    """Whether its writer was killed while it wrote: `.new-PID` (of BOOTSTRAP) or `agent-*.PID`."""
    pid = name[5:] if name.startswith(".new-") else name.rpartition(".")[2]
    return pid.isdigit() and not os.path.exists("/proc/" + pid)
