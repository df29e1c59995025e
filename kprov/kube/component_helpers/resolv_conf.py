"""The resolv.conf(5) whose name servers pods can reach.

systemd-resolved writes 127.0.0.53 into /etc/resolv.conf: a stub that answers on the host's loopback only. It
lists the servers behind the stub in another file (kubeadm sets resolvConf to that file for the same reason).
"""

from pathlib import Path
from typing import Final

#: The file with the servers behind systemd-resolved's stub.
RESOLVED = "/run/systemd/resolve/resolv.conf"
_STUBS: Final = frozenset({"127.0.0.53", "127.0.0.54"})


def resolve_stub(path: str) -> str:
    """Return RESOLVED if `path` names systemd-resolved's stub and RESOLVED exists, else `path`."""
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return path
    names_stub = not _STUBS.isdisjoint(parse_servers(text))
    return RESOLVED if names_stub and Path(RESOLVED).is_file() else path


def parse_servers(text: str) -> list[str]:
    """Return the addresses of the nameserver lines, in order."""
    lines = (line.split("#")[0].split() for line in text.splitlines())
    return [words[1] for words in lines if len(words) >= 2 and words[0] == "nameserver"]
