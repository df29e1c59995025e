"""Mounts as Docker's.

They are in HostConfig.Mounts, since a path in HostConfig.Binds cannot have a colon.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from kprov.kube.component_base.rpc.status import Code, RpcError
from kprov.kube.cri import runtime_pb2 as pb

_PROPAGATION: Final = {
    pb.PROPAGATION_PRIVATE: "rprivate",
    pb.PROPAGATION_HOST_TO_CONTAINER: "rslave",
    pb.PROPAGATION_BIDIRECTIONAL: "rshared",
}
#: From this version on read-only mounts are so recursively, unless Docker is told otherwise.
RECURSIVE_READ_ONLY: Final = (1, 44)


def make_mounts(mounts: Iterable[pb.Mount], version: tuple[int, int]) -> dict[str, Any]:
    """Return a part of HostConfig. version: of the engine's API. RpcError: what Docker cannot do."""
    return {"Mounts": [_make_mount(mount, version) for mount in mounts]}


def _make_mount(mount: pb.Mount, version: tuple[int, int]) -> dict[str, Any]:
    if mount.HasField("image") and mount.image.image:
        raise RpcError(Code.INVALID_ARGUMENT, "image volumes are not supported by Docker Engine")
    options: dict[str, Any] = {"Propagation": _PROPAGATION.get(mount.propagation, "rprivate")}
    if mount.recursive_read_only:
        if version < RECURSIVE_READ_ONLY:
            text = "recursive read-only mounts need Docker Engine 25 (API 1.44)"
            raise RpcError(Code.INVALID_ARGUMENT, text)
        options["ReadOnlyForceRecursive"] = True
    elif mount.readonly and version >= RECURSIVE_READ_ONLY:
        options["ReadOnlyNonRecursive"] = True
    return {
        "Type": "bind",
        "Source": mount.host_path,
        "Target": mount.container_path,
        "ReadOnly": mount.readonly,
        "BindOptions": options,
    }


def create_sources(mounts: Iterable[pb.Mount]) -> None:
    """Create the folders of mounts that do not exist, as all runtimes do. RpcError."""
    for mount in mounts:
        path = Path(mount.host_path)
        try:
            if not path.exists():
                path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RpcError(Code.UNKNOWN, f"failed to create the source of a mount: {error}") from None
