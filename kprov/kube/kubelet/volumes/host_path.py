"""hostPath volumes: checks that the path has the type that the volume names."""

import stat
from pathlib import Path
from typing import Final

from kprov.kube.kubelet.errors import VolumeError
from kprov.kube.machinery.json_object import JsonObject

_CHECKS: Final = {
    "Directory": (stat.S_ISDIR, "is not a directory"),
    "File": (stat.S_ISREG, "is not a file"),
    "Socket": (stat.S_ISSOCK, "is not a socket file"),
    "CharDevice": (stat.S_ISCHR, "is not a character device"),
    "BlockDevice": (stat.S_ISBLK, "is not a block device"),
}


def check_type(source: JsonObject) -> None:
    """Create the path if the type says so. Raises VolumeError if the path has another type."""
    path, kind = Path(source["path"]), source.get("type") or ""
    if kind == "DirectoryOrCreate":
        path.mkdir(parents=True, exist_ok=True, mode=0o755)
        kind = "Directory"
    elif kind == "FileOrCreate":
        if not path.exists():
            path.touch(mode=0o644)
        kind = "File"
    if not kind:
        return
    has_type, text = _CHECKS[kind]
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise VolumeError(f"hostPath type check failed: {path} {text}") from error
    if not has_type(mode):
        raise VolumeError(f"hostPath type check failed: {path} {text}")
