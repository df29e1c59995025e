"""An ssh agent that holds keys with a passphrase."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def ssh_agent(folder: Path, passphrase: str, *keys: Path) -> Iterator[Path]:
    """Its socket, in `folder`; it ends with the block."""
    socket, asker = folder / "agent", folder / "ask"
    asker.write_text(f"#!/bin/sh\necho '{passphrase}'\n")
    asker.chmod(0o700)
    with subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL) as agent:
        try:
            while not socket.exists():
                time.sleep(0.02)
            add = {"SSH_AUTH_SOCK": str(socket), "SSH_ASKPASS": str(asker), "SSH_ASKPASS_REQUIRE": "force"}
            for key in keys:
                subprocess.run(["ssh-add", "-q", key], env=os.environ | add, check=True)
            yield socket
        finally:
            agent.terminate()
