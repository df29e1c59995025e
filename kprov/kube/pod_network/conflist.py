"""The CNI network list of this node: bridge, host-local addresses, host ports."""

import os
import stat
from pathlib import Path
from typing import Any

import orjson

CONFLIST_NAME = "10-kprov.conflist"
#: The container runtime reads it as root.
_MODE = 0o600
CNI_VERSION = "1.0.0"
NETWORK_NAME = "kprov"


def conflist(pod_cidrs: list[str], bridge: str) -> dict[str, Any]:
    """Return the network list for one node (CNI specification 1.0, "Network configuration format").

    `pod_cidrs` are the node's spec.podCIDRs, one for each address family. The bridge takes the first address
    of each as the pods' gateway. Masquerading is not asked of the plugin: it would do it for every pod alone,
    also towards other nodes' pods.
    """
    families = {":" in cidr for cidr in pod_cidrs}
    routes = [{"dst": "::/0" if is_v6 else "0.0.0.0/0"} for is_v6 in sorted(families)]
    return {
        "cniVersion": CNI_VERSION,
        "name": NETWORK_NAME,
        "plugins": [
            {
                "type": "bridge",
                "bridge": bridge,
                "isGateway": True,
                # Lets a pod reach itself through its service.
                "hairpinMode": True,
                "promiscMode": False,
                "ipMasq": False,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": cidr}] for cidr in pod_cidrs],
                    "routes": routes,
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": True}, "snat": True},
        ],
    }


def encode(document: dict[str, Any]) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def write_if_changed(directory: Path, content: bytes) -> bool:
    """Put the list into `directory` so that a reader sees the old one or the new one; whether it changed.

    A runtime watches the directory and takes the first file by name: the temporary name ends in no suffix
    that it would read. Raises OSError when the directory cannot be written.
    """
    path = directory / CONFLIST_NAME
    try:
        if path.read_bytes() == content and stat.S_IMODE(path.stat().st_mode) == _MODE:
            return False
    except FileNotFoundError:
        pass
    directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    beside = directory / f".{CONFLIST_NAME}.new"
    with open(beside, "wb") as file:
        os.fchmod(file.fileno(), _MODE)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    return True
