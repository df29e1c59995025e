"""A host's disk: an overlay of the image and the host's layer, with plain folders where needed."""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path

from kprov.errors import KprovError
from kprov.lab.command import run_program
from kprov.lab.definition import USER, Host, Lab

# Folders in which a program of the host mounts overlayfs itself, or needs a faster disk.
PLAIN = (
    "var/lib/containerd", "var/lib/containers", "var/lib/docker", "var/lib/kubelet", "var/lib/etcd",
)  # fmt: skip


_ARCHIVES = "var/cache/apt/archives"


def create_layer(lab: Lab, host: Host) -> None:
    """Make the host's layer: name, machine id, SSH keys, resolver. An incomplete one is made again.

    A host of an isolated lab does not see the packages that the image has in apt's cache.
    """
    ready = host.folder / "made"
    if ready.exists():
        return
    remove_tree(host.folder)
    upper = host.folder / "upper"
    for folder in (upper, host.folder / "work", host.folder / "root"):
        folder.mkdir(parents=True)
    for place in PLAIN:
        plain_folder(host, place).mkdir(parents=True)
    _write_file(upper / "etc/hostname", f"{host.name}\n")
    _write_file(upper / "etc/machine-id", f"{uuid.uuid4().hex}\n")
    _write_file(upper / "etc/hosts", f"127.0.0.1 localhost\n::1 localhost\n{host.address} {host.name}\n")
    _write_file(upper / "etc/resolv.conf", render_resolv_conf(Path("/")))
    if lab.isolated:
        (upper / _ARCHIVES).mkdir(parents=True)
        os.setxattr(upper / _ARCHIVES, "trusted.overlay.opaque", b"y")
    key = upper / "etc/ssh/ssh_host_ed25519_key"
    key.parent.mkdir(parents=True)
    run_program(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", host.name, "-f", str(key)])
    ready.write_text("")


def erase_layer(host: Host) -> None:
    """Let the host's layer count as incomplete, so that it is made again."""
    (host.folder / "made").unlink(missing_ok=True)


def authorize_key(lab: Lab, host: Host, image: Path) -> None:
    """Authorize the lab's key for the image's user."""
    for line in (image / "etc/passwd").read_text().splitlines():
        name, _, uid, gid, *_ = line.split(":")
        if name == USER:
            break
    else:
        raise KprovError(f"{image} has no user {USER}: remove it, the next `kprov lab up` builds it anew")
    folder = host.folder / f"upper/home/{USER}/.ssh"
    folder.mkdir(parents=True, exist_ok=True)
    keys = folder / "authorized_keys"
    keys.write_text(lab.key.with_suffix(".pub").read_text())
    for path, mode in ((folder.parent, 0o755), (folder, 0o700), (keys, 0o600)):
        os.chown(path, int(uid), int(gid))
        path.chmod(mode)


def read_host_key(host: Host) -> str:
    """Return the host's public key, `ssh-ed25519 ...`."""
    text = (host.folder / "upper/etc/ssh/ssh_host_ed25519_key.pub").read_text()
    return " ".join(text.split()[:2])


def plain_folder(host: Host, place: str) -> Path:
    return host.folder / "plain" / place.replace("/", "-")


def mount_root(host: Host, image: Path) -> Path:
    """Mount the host's root, after unmounting earlier mounts there; return its path."""
    root = host.folder / "root"
    unmount_below(root)
    layers = f"lowerdir={image},upperdir={host.folder / 'upper'},workdir={host.folder / 'work'}"
    run_program(["mount", "-t", "overlay", host.machine, "-o", layers, str(root)])
    return root


def unmount_below(path: Path) -> None:
    """Unmount everything at and below a path, the deepest first."""
    inside = [place for place in _list_mount_points() if place == str(path) or place.startswith(f"{path}/")]
    for place in reversed(inside):
        run_program(["umount", "--lazy", place], check=False)


def remove_tree(path: Path) -> None:
    """Remove a folder after unmounting the mounts in it, whose contents must stay."""
    if not path.exists():
        return
    unmount_below(path)
    if any(place.startswith(f"{path}/") or place == str(path) for place in _list_mount_points()):
        raise KprovError(f"{path} has mounts that do not go away: {path} is left as it is")
    shutil.rmtree(path)


def render_resolv_conf(root: Path) -> str:
    """Return resolv.conf(5) for the hosts: the machine's, or the servers behind its local stub."""
    for name in ("run/systemd/resolve/resolv.conf", "etc/resolv.conf"):
        file = root / name
        if file.is_file() and (text := file.read_text()).strip():
            return text
    return ""


def _list_mount_points() -> list[str]:
    """Return the mount points of this machine in mount order."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [line.split()[4].encode().decode("unicode_escape") for line in lines]


def _write_file(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
