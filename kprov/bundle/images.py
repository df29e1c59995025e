"""Container images that a cluster needs before it has a registry: `pause` for sandboxes, `probe` for checks.

Each is one layer in the archive form of `docker save`, which `ctr images import` takes. The same packages
give the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kprov.bundle import image_packages
from kprov.debian import packages

FORMAT = 3  # raised when an image's contents change: part of the cache's key
PAUSE = "kprov.io/pause:1"
PROBE = "kprov.io/probe:1"
# The sandbox image of roles/containerd and of kubeadm, for nodes without a registry.
PAUSE_ALIAS = "registry.k8s.io/pause:3.10"
_EPOCH = "1970-01-01T00:00:00Z"

# Programs that tests and checks use in the probe, all from Debian's busybox-static.
APPLETS = (
    "[", "arp", "ash", "awk", "base64", "basename", "cat", "chgrp", "chmod", "chown", "cp", "cut",
    "date", "dd", "df", "dirname", "du", "echo", "env", "expr", "false", "find", "free", "getopt",
    "grep", "gunzip", "gzip", "head", "hostname", "httpd", "id", "ip", "kill", "killall", "less", "ln",
    "ls", "md5sum", "mkdir", "mkfifo", "mknod", "mktemp", "more", "mount", "mv", "nc", "netstat",
    "nslookup", "od", "pidof", "ping", "ping6", "printf", "ps", "pwd", "readlink",
    "realpath", "rm", "rmdir", "route", "sed", "seq", "sh", "sha256sum", "sleep", "sort", "stat",
    "stty", "sync", "tail", "tar", "tee", "telnet", "test", "timeout", "top", "touch", "tr",
    "traceroute", "true", "tty", "umount", "uname", "uniq", "uptime", "vi", "wc", "wget", "which",
    "whoami", "xargs", "yes",
)  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """A file of an image; a folder if it has neither content nor link."""

    path: str
    mode: int
    content: bytes | None = None
    link: str = ""


def build_images(
    target: Path, arch: str, cache: Path, *, lock: image_packages.Lock, say: Callable[[str], None]
) -> None:
    """Write pause.tar and probe.tar into `target`; packages are cached in `cache`.

    Raises:
        KprovError: a package cannot be fetched.

    """

    def program(package: str, member: str) -> bytes:
        file = image_packages.fetch_package(package, arch=arch, cache=cache, lock=lock, say=say)
        return packages.read_member(file, member)

    catatonit = program("catatonit", "usr/bin/catatonit")
    # Not from bookworm, whose wget crashes with a time limit.
    busybox = program("busybox-static", "usr/bin/busybox")
    architecture = packages.debian_architecture(arch)
    (target / "pause.tar").write_bytes(
        pack_image(
            [PAUSE, PAUSE_ALIAS],
            [Entry("pause", 0o755, catatonit)],
            architecture=architecture,
            config={"Entrypoint": ["/pause", "-P"], "User": "65535:65535", "WorkingDir": "/"},
        )
    )
    (target / "probe.tar").write_bytes(
        pack_image(
            [PROBE],
            probe_entries(busybox),
            architecture=architecture,
            config={"Cmd": ["sh"], "Env": ["PATH=/usr/local/bin:/usr/bin:/bin"], "WorkingDir": "/"},
        )
    )


def probe_entries(busybox: bytes) -> list[Entry]:
    """Return the tree of the probe: busybox, its applets, and files that programs expect."""
    folders = [Entry(name, 0o755) for name in ("bin", "dev", "etc", "proc", "root", "sys", "var", "www")]
    users = b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n"
    return [
        *folders,
        Entry("tmp", 0o1777),
        Entry("bin/busybox", 0o755, busybox),
        *(Entry(f"bin/{applet}", 0o777, link="busybox") for applet in APPLETS),
        Entry("etc/passwd", 0o644, users),
        Entry("etc/group", 0o644, b"root:x:0:\nnobody:x:65534:\n"),
    ]


def pack_image(tags: list[str], entries: list[Entry], *, architecture: str, config: dict[str, Any]) -> bytes:
    """Pack an image in the format of `docker save`: manifest.json, the configuration, one layer."""
    layer = _pack_tar(entries)
    layer_digest = hashlib.sha256(layer).hexdigest()
    description = _encode_json(
        {
            "architecture": architecture,
            "os": "linux",
            "created": _EPOCH,
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer_digest}"]},
            "history": [{"created": _EPOCH, "created_by": "kprov bundle build"}],
        }
    )
    name = f"{hashlib.sha256(description).hexdigest()}.json"
    manifest = [{"Config": name, "RepoTags": tags, "Layers": [f"{layer_digest}/layer.tar"]}]
    return _pack_tar(
        [
            Entry(name, 0o644, description),
            Entry(f"{layer_digest}/layer.tar", 0o644, layer),
            Entry("manifest.json", 0o644, _encode_json(manifest)),
        ]
    )


def _pack_tar(entries: list[Entry]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for entry in entries:
            member = tarfile.TarInfo(entry.path)
            member.mode = entry.mode
            if entry.link:
                member.type, member.linkname = tarfile.SYMTYPE, entry.link
            elif entry.content is None:
                member.type = tarfile.DIRTYPE
            else:
                member.size = len(entry.content)
            tar.addfile(member, io.BytesIO(entry.content) if entry.content is not None else None)
    return buffer.getvalue()


def _encode_json(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
