"""Controllers as a process, beside the API servers of servers.py."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from tests.apiserver.servers import WITH_US, ApiServer, running

#: Names another controller manager to test, such as upstream's: it shows which tests ask for more than it does.
TESTED: Final = "KPROV_TEST_CONTROLLER_MANAGER"
# The end of what RBAC says to a controller without the right to do something.
_DENIED: Final = '" cannot '
_PROGRAM: Final = tuple(os.environ.get(TESTED, f"{sys.executable} -m kprov.kube.controller_manager").split())


def kubeconfig(server: ApiServer, token: str = "admin-token", *, url: str = "", name: str = "") -> Path:
    """A file for the user of a token. url: of a proxy in front of the server. name: of the file."""
    # The tokens of service accounts are too long for a file's name.
    name = name or (token if len(token) < 64 else hashlib.sha256(token.encode()).hexdigest())
    path = server.folder / f"{name}{'.proxy' if url else ''}.kubeconfig"
    cluster = {"server": url or server.url, "certificate-authority": str(server.authority.file)}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": {"token": token}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    }
    path.write_text(json.dumps(document))
    return path


@contextlib.contextmanager
def controllers(
    server: ApiServer,
    *names: str,
    flags: Sequence[str] = (),
    url: str = "",
    program: Sequence[str] = (),
) -> Iterator[subprocess.Popen[bytes]]:
    """Run those controllers of kube-controller-manager, with no more rights than upstream's policy gives them.

    flags: more of its own. url: see `kubeconfig`. program: another controller manager than the tested one.
    """
    command = [
        *WITH_US,
        *(
            *(program or _PROGRAM),
            "--leader-elect=false",
            "--secure-port=0",
            "--use-service-account-credentials",
        ),
        f"--kubeconfig={kubeconfig(server, 'manager-token', url=url)}",
        f"--controllers={','.join(names)}",
        *flags,
    ]
    with (server.folder / "controllers.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)
    denied = [
        line for line in (server.folder / "controllers.log").read_text().splitlines() if _DENIED in line
    ]
    assert not denied, denied


@contextlib.contextmanager
def governed_server(folder: Path, *names: str) -> Iterator[ApiServer]:
    """A server with all admission, and those controllers beside it."""
    with running(folder) as (_, server):
        authority = f"--root-ca-file={server.authority.file}"
        with controllers(server, *names, flags=[authority]):
            yield server
