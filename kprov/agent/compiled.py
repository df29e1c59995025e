"""The agent's code, compiled for the Python that runs here, kept for the next start.

transport's archive.BOOTSTRAP, which imports the agent, reads the file made here: marshal of
{module: (is a package, marshal of its code)}. Compiling is most of the time of a start.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import sys


def keep() -> None:
    """Compile all modules when this agent ran from sources, and remove what other versions left."""
    loader = getattr(sys.modules["kprov"].__spec__, "loader", None)
    folder = getattr(loader, "folder", None)
    if loader is None or folder is None or not loader.sources:
        return
    code = {
        name: (package, marshal.dumps(compile(source, loader.path(name), "exec", dont_inherit=True)))
        for name, (package, source) in loader.modules.items()
    }
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
