"""Decides whether `systemctl daemon-reload` is needed: whether files have changed that a reload reads.

A reload runs the generators and reads the manager's configuration and every unit file. It has no effect if
none of these files has changed since the last reload began. This module compares their ctime, which (unlike
mtime) no program can set: of every file and folder in the unit path, of the generators, and of the files that
systemd's generators read. A generator of another package may read any file, so with one a reload is needed.
"""

from __future__ import annotations

import os
import stat
import time

from kprov.agent.services.dbus import DBusError, Manager

_MANAGER = ("/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager")
#: Seconds between the kernel's clock ticks. The ctime of a file is the time of the last tick.
_TICK = time.clock_getres(getattr(time, "CLOCK_REALTIME_COARSE", 5))
#: Seconds by which the real-time clock may drift from the monotonic clock. A larger difference means that
#: the real-time clock was set.
_SLEW = 0.01
_GENERATORS = ("/run/systemd", "/etc/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd")
#: systemd's generators. They read the files below, and the kernel's command line, which does not change.
_SYSTEMD_GENERATORS = {
    f"systemd-{name}-generator"
    for name in (
        "bless-boot", "cryptsetup", "debug", "factory-reset", "fstab", "getty", "gpt-auto",
        "hibernate-resume",
        "import", "integritysetup", "rc-local", "run", "ssh", "system-update", "sysv", "tpm2", "veritysetup",
    )
}  # fmt: skip
#: Folders that generators read with everything below them.
_TREES = ("/etc/systemd", "/etc/init.d", "/etc/rc.d", *(f"/etc/rc{level}.d" for level in "0123456S"))
_FILES = (
    "/etc/fstab", "/etc/crypttab", "/etc/veritytab", "/etc/integritytab", "/etc/rc.local",
    "/etc/localtime",
    "/etc/locale.conf", "/etc/default/locale", "/etc/environment", "/etc/sysconfig/i18n", "/system-update",
    "/etc/system-update", "/dev", "/usr/sbin/sshd", "/etc/ssh", "/etc/machine-id",
)  # fmt: skip


def is_reload_needed(manager: Manager) -> bool:
    """Return False only if a reload would have no effect on this host."""
    names = ["UnitPath", "UnitsLoadTimestamp", "UnitsLoadTimestampMonotonic"]
    names += ["GeneratorsStartTimestamp", "GeneratorsStartTimestampMonotonic"]
    try:
        properties = manager.get_properties(*_MANAGER, names)
    except (DBusError, OSError):
        return True
    # Before the first reload, systemd read all files at boot; it ran the generators first.
    timestamp = (
        "UnitsLoadTimestamp" if properties["UnitsLoadTimestampMonotonic"] else "GeneratorsStartTimestamp"
    )
    read_at, monotonic = properties[timestamp] / 1e6, properties[timestamp + "Monotonic"] / 1e6
    if not monotonic or abs((read_at - monotonic) - (time.time() - time.monotonic())) > _SLEW:
        # The clock was set since then, so the ctimes of files cannot be compared with this time.
        return True
    return _has_foreign_generators() or _has_changed_since(properties["UnitPath"], read_at - _TICK)


def _has_foreign_generators() -> bool:
    for base in _GENERATORS:
        for kind in ("system-generators", "system-environment-generators"):
            try:
                names = os.listdir(f"{base}/{kind}")
            except OSError:
                continue
            if any(kind != "system-generators" or name not in _SYSTEMD_GENERATORS for name in names):
                return True
    return False


def _has_changed_since(unit_path: list[str], since: float) -> bool:
    """Whether anything that a reload reads has changed since a time (seconds of the epoch)."""
    if any(_change_time(path) > since for path in _FILES):
        return True
    watched = {*_TREES, *(path for path in unit_path if not path.startswith(_WRITTEN_BY_SYSTEMD))}
    for base in _GENERATORS:
        watched |= {f"{base}/system-generators", f"{base}/system.conf", f"{base}/system.conf.d"}
    # The check of /etc/systemd includes what is below it.
    watched = {entry for entry in watched if not entry.startswith("/etc/systemd/")}
    return any(has_changed_below(entry, since, 5) for entry in watched)


#: Folders of the unit path that systemd itself writes, at a reload or when it has already loaded the unit.
_WRITTEN_BY_SYSTEMD = ("/run/systemd/generator", "/run/systemd/transient")


def _change_time(path: str) -> float:
    """Return the later ctime of a path and of its link target; 0 without such a path."""
    try:
        status = os.lstat(path)
        return (
            max(status.st_ctime, os.stat(path).st_ctime) if stat.S_ISLNK(status.st_mode) else status.st_ctime
        )
    except OSError:
        return 0.0


def has_changed_below(folder: str, since: float, depth: int = 4) -> bool:
    """Whether a folder or anything in it has changed; follow links. For a missing folder, check its parent.

    Do not check /run/systemd as a parent: every reload changes it, and systemd never removes its folders.
    """
    changed_at = _change_time(folder)
    if not changed_at and not os.path.lexists(folder):
        parent = os.path.dirname(folder)
        return parent != "/run/systemd" and _change_time(parent) > since
    if changed_at > since:
        return True
    if not depth:
        return False
    try:
        entries = os.scandir(folder)
    except OSError:
        return False
    with entries:
        for entry in entries:
            try:
                if entry.is_dir():
                    # This checks the times of the folder and of a link to it.
                    if has_changed_below(entry.path, since, depth - 1):
                        return True
                elif entry.stat(follow_symlinks=False).st_ctime > since or (
                    entry.is_symlink() and entry.stat().st_ctime > since
                ):
                    return True
            except OSError:
                # The entry was removed, or is a broken link. The time of its folder or its own was checked.
                continue
    return False
