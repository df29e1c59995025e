"""The root tree that all hosts share: a minimal Debian with systemd, sshd, sudo and python3.

It is cached under a key of all its inputs. An image is built under another name and renamed, so
that an interrupted build leaves no incomplete image.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import platform
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kprov.debian import sources
from kprov.inventory.cluster import distributions
from kprov.lab import disk, state
from kprov.lab.command import run_program
from kprov.lab.definition import CACHE, USER

PACKAGES = (
    "ca-certificates", "dbus", "iproute2", "openssh-server", "python3", "sudo", "systemd", "systemd-sysv",
)  # fmt: skip

# Units that wait for devices that containers lack, or that lock the package manager in the background.
MASKED = (
    "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "fstrim.timer",
    "systemd-networkd.service", "systemd-networkd.socket", "systemd-networkd-wait-online.service",
    "systemd-timesyncd.service", "systemd-modules-load.service", "console-getty.service", "getty.target",
)  # fmt: skip

FILES = {
    f"etc/sudoers.d/{USER}": f"{USER} ALL=(ALL:ALL) NOPASSWD: ALL\n",
    "etc/ssh/sshd_config.d/10-kprov-lab.conf": (
        "PermitRootLogin no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nMaxStartups 100\n"
    ),
    # Before that unit has run, PAM rejects all users but root.
    "etc/systemd/system/ssh.service.d/10-kprov-lab.conf": "[Unit]\nAfter=systemd-user-sessions.service\n",
    # The power cut of a lab host kills its processes. What they wrote is in this machine's page cache.
    "etc/dpkg/dpkg.cfg.d/10-kprov-lab": "force-unsafe-io\n",
    # Programs that open the kernel's log find an empty one instead of the machine's.
    "etc/tmpfiles.d/10-kprov-lab.conf": "c! /dev/kmsg 0600 root root - 1:3\n",
}


def image_recipe(release: str) -> dict[str, object]:
    """Return all inputs of a release's image, for JSON."""
    return {
        "format": 3,
        "release": release,
        "architecture": platform.machine(),
        "packages": PACKAGES,
        "downloaded": distributions.list_packages("debian"),
        "sources": [source.line() for source in sources.sources_for_release(release)],
        "options": sources.read_acquire_options(),
        "masked": MASKED,
        "files": FILES,
    }


def ensure_image(release: str, say: Callable[[str], None]) -> Path:
    """Return the folder of a release's image; build it if it does not exist for the current recipe.

    Raises:
        KprovError: mmdebstrap failed; the cache is unchanged.

    """
    made_from = image_recipe(release)
    key = hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()[:16]
    image = CACHE / f"{release}-{key}"
    if image.is_dir():
        return image
    with _lock_builder(say):
        if image.is_dir():
            return image
        say(f"Building the Debian {release} image (once, about 30 s)")
        for remains in CACHE.glob(".building-*"):
            disk.remove_tree(remains)
        aside = CACHE / f".building-{os.getpid()}"
        try:
            _build_image(aside, release, made_from)
            aside.rename(image)
        finally:
            disk.remove_tree(aside)
        _remove_unused(release, image)
    return image


@contextmanager
def _lock_builder(say: Callable[[str], None]) -> Iterator[None]:
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Waiting for another kprov that builds an image")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _remove_unused(release: str, current: Path) -> None:
    """Remove images of older recipes of a release that no lab uses."""
    records = [state.require_record(name) for name in state.list_names()]
    used = {current, *(image for record in records for image in record.images.values())}
    for image in CACHE.glob(f"{release}-*"):
        if image not in used:
            disk.remove_tree(image)


def _build_image(target: Path, release: str, made_from: dict[str, object]) -> None:
    lines, options = made_from["sources"], made_from["options"]
    assert isinstance(lines, list)
    assert isinstance(options, list)
    mmdebstrap = ["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", "--skip=cleanup/apt"]
    mmdebstrap += ["--dpkgopt=force-unsafe-io"]
    mmdebstrap += [f"--include={','.join(PACKAGES)}", *(f"--aptopt={option}" for option in options)]
    mmdebstrap += [f"--customize-hook={hook}" for hook in _render_download_hooks()]
    run_program([*mmdebstrap, release, str(target), "-"], stdin="\n".join(lines) + "\n", timeout=1800)
    run_program(["chroot", str(target), "useradd", "--create-home", "--shell", "/bin/bash", USER])
    for name, text in FILES.items():
        file = target / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (target / f"etc/sudoers.d/{USER}").chmod(0o440)
    for unit in MASKED:
        link = target / "etc/systemd/system" / unit
        link.unlink(missing_ok=True)
        link.symlink_to("/dev/null")
    _copy_authorities(target)
    # Files that must differ between hosts, such as keys, are made for each host and not in the image.
    for file in target.glob("etc/ssh/ssh_host_*"):
        file.unlink()
    (target / "etc/machine-id").write_text("")
    (target / "etc/hostname").unlink(missing_ok=True)
    (target / "etc/resolv.conf").unlink(missing_ok=True)


def _render_download_hooks() -> list[str]:
    """Return shell commands that put what the roles install into apt's cache of the image.

    Without this each host of a lab would download the same packages.
    """
    install = "apt-get -q -y --no-install-recommends --download-only install"
    names = " ".join(distributions.list_packages("debian"))
    return ['rm -f "$1"/var/cache/apt/archives/*.deb', f'chroot "$1" {install} {names}']


def _copy_authorities(target: Path) -> None:
    """Copy the machine's local certificate authorities to the hosts, for mirrors over https."""
    own = sorted(Path("/usr/local/share/ca-certificates").glob("**/*.crt"))
    for file in own:
        shutil.copy(file, target / "usr/local/share/ca-certificates" / file.name)
    if own:
        run_program(["chroot", str(target), "update-ca-certificates"])
