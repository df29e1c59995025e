"""Whether `systemctl daemon-reload` would read anything that the system manager has not read already.

A reload runs the generators and reads the manager's configuration and every unit file. It has no effect when
none of what they read has changed since the last one began. What has changed is told by ctime, which (unlike
mtime) no one can set: of every file and folder in the unit path, of the generators, and of the files that
generators of systemd itself read. A generator of someone else may read anything: then the answer is yes.
"""

from __future__ import annotations

import os
import stat
import time

from kprov.agent.services.dbus import DBusError, Manager

_MANAGER = ("/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager")
#: The kernel stamps files with the time of its last tick.
_TICK = time.clock_getres(getattr(time, "CLOCK_REALTIME_COARSE", 5))
#: How far the clocks may have gone apart, in seconds, before one was set.
_SLEW = 0.01
_GENERATORS = ("/run/systemd", "/etc/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd")
#: systemd's own; their inputs are those below, and the kernel's command line, which does not change.
_KNOWN = {
    f"systemd-{name}-generator"
    for name in (
        "bless-boot", "cryptsetup", "debug", "factory-reset", "fstab", "getty", "gpt-auto",
        "hibernate-resume",
        "import", "integritysetup", "rc-local", "run", "ssh", "system-update", "sysv", "tpm2", "veritysetup",
    )
}  # fmt: skip
#: Folders whose whole content counts.
_TREES = ("/etc/systemd", "/etc/init.d", "/etc/rc.d", *(f"/etc/rc{level}.d" for level in "0123456S"))
_FILES = (
    "/etc/fstab", "/etc/crypttab", "/etc/veritytab", "/etc/integritytab", "/etc/rc.local",
    "/etc/localtime",
    "/etc/locale.conf", "/etc/default/locale", "/etc/environment", "/etc/sysconfig/i18n", "/system-update",
    "/etc/system-update", "/dev", "/usr/sbin/sshd", "/etc/ssh", "/etc/machine-id",
)  # fmt: skip


def is_reload_needed(manager: Manager) -> bool:
    """False only when a reload would have no effect on this host."""
    names = ["UnitPath", "UnitsLoadTimestamp", "UnitsLoadTimestampMonotonic"]
    names += ["GeneratorsStartTimestamp", "GeneratorsStartTimestampMonotonic"]
    try:
        known = manager.get(*_MANAGER, names)
    except (DBusError, OSError):
        return True
    # Before the first reload it is the boot that read everything, beginning with the generators.
    which = "UnitsLoadTimestamp" if known["UnitsLoadTimestampMonotonic"] else "GeneratorsStartTimestamp"
    loaded, monotonic = known[which] / 1e6, known[which + "Monotonic"] / 1e6
    if not monotonic or abs((loaded - monotonic) - (time.time() - time.monotonic())) > _SLEW:
        # The clock was set since: what it stamped on files says nothing.
        return True
    return _has_foreign_generators() or _has_changed_since(known["UnitPath"], loaded - _TICK)


def _has_foreign_generators() -> bool:
    for base in _GENERATORS:
        for kind in ("system-generators", "system-environment-generators"):
            try:
                names = os.listdir(f"{base}/{kind}")
            except OSError:
                continue
            if any(kind != "system-generators" or name not in _KNOWN for name in names):
                return True
    return False


def _has_changed_since(unit_path: list[str], since: float) -> bool:
    """Whether anything that a reload reads has changed after a moment (seconds of the epoch)."""
    if any(_change_time(path) > since for path in _FILES):
        return True
    places = {*_TREES, *(path for path in unit_path if not path.startswith(_MADE))}
    for base in _GENERATORS:
        places |= {f"{base}/system-generators", f"{base}/system.conf", f"{base}/system.conf.d"}
    # What is below /etc/systemd is looked at with it.
    places = {place for place in places if not place.startswith("/etc/systemd/")}
    return any(has_changed_below(place, since, 5) for place in places)


#: What the manager itself writes there: at the reload, or with the unit already loaded.
_MADE = ("/run/systemd/generator", "/run/systemd/transient")


def _change_time(path: str) -> float:
    """When a path or what it links to last changed, the later of both; 0 where there is none."""
    try:
        found = os.lstat(path)
        return max(found.st_ctime, os.stat(path).st_ctime) if stat.S_ISLNK(found.st_mode) else found.st_ctime
    except OSError:
        return 0.0


def has_changed_below(folder: str, since: float, depth: int = 4) -> bool:
    """Whether a folder or anything in it has changed, through links too; where it is none, the one above.

    Less /run/systemd: every reload changes it, and its own folders live as long as systemd.
    """
    own = _change_time(folder)
    if not own and not os.path.lexists(folder):
        above = os.path.dirname(folder)
        return above != "/run/systemd" and _change_time(above) > since
    if own > since:
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
                    # With its own time, or its link's.
                    if has_changed_below(entry.path, since, depth - 1):
                        return True
                elif entry.stat(follow_symlinks=False).st_ctime > since or (
                    entry.is_symlink() and entry.stat().st_ctime > since
                ):
                    return True
            except OSError:
                # Removed since, or a link to nothing: its own time, or its folder's, was looked at.
                continue
    return False
