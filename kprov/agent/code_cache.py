"""The agent's code, compiled for the Python that runs here, kept for the next start.

transport's archive.BOOTSTRAP, which imports the agent, reads the file made here: marshal of
{module: (is a package, marshal of its code, True) or (is a package, its source, False)}. Compiling is most
of the time of a start, so what a run compiled is kept, and what no run has needed yet stays a source.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import sys


def save_compiled() -> None:
    """Add what this agent had to compile, and remove what other versions left."""
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
            if older or _abandoned(name):
                os.unlink(os.path.join(folder, name))
    except OSError:
        # A full disk: the next start compiles again.
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def _abandoned(name: str) -> bool:
    """Whether its writer was killed while it wrote: `.new-PID` (of BOOTSTRAP) or `agent-*.PID`."""
    pid = name[5:] if name.startswith(".new-") else name.rpartition(".")[2]
    return pid.isdigit() and not os.path.exists("/proc/" + pid)
