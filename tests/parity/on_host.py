"""What a host is like, as JSON. Runs on the host, as root; standard library only.

`python3 on_host.py ADDRESS VIP`: contents are taken with HOST and VIP for these, so that twins' files are the same.

{"tree": {path: {...}}, "units": {name: "enabled/active"}, "users": {...}, "groups": {...}, "packages": {...},
"sysctls": {...}, "mounts": {...}, "firewall": {...}, "hostname": {...}}
"""

from __future__ import annotations

import grp
import hashlib
import json
import os
import pwd
import re
import stat
import subprocess
import sys
from pathlib import Path

ROOTS = ("/etc", "/usr/local", "/opt", "/home", "/root", "/var/lib", "/var/spool/cron", "/srv", "/boot")
ADDRESSES = dict(zip(map(str.encode, sys.argv[2:0:-1]), (b"VIP", b"HOST"), strict=False))
#: Logs, caches, what differs by nature, what stands in other parts (users), and the two engines' own files.
PASSED_OVER = re.compile(
    r"^((/root|/home/[^/]+)/\.(ansible|cache|ansible_async)(/|$)|/root/\.kube/cache(/|$)|/etc/(shadow|gshadow|passwd|group|subuid|subgid)-?$"
    r"|/etc/ssh/ssh_host_|/etc/machine-id|/etc/ld\.so\.cache|/etc/\.pwd\.lock"
    r"|/var/lib/(systemd|dbus|apt/(lists|periodic|mirrors)|dpkg|private|ucf|pam|misc|containerd|etcd)(/|$)"
    r"|/var/lib/kubelet/(?!config\.yaml|pki)|/var/lib/apt/extended_states"
    r"|.*/__pycache__(/|$)|.*\.pyc$)"
)
#: Counters, random numbers, and what follows from the machine under the hosts.
LIVELY = re.compile(
    r"^(dev|debug|abi|user|sunrpc)\.|random\.|dentry-state|quota|inode|file-nr|last_pid|_count$|pty\.nr|aio-nr|\.nr_|base_mac"
    r"|stable_secret|rss_key|neigh\.|hostname|domain|cad_pid|epoll|keys\.|sched|numa|percpu|stat_refresh|compact_memory"
)
_SSH_KEY = b"-----BEGIN OPENSSH PRIVATE KEY-----"
LIVELY_UNITS = re.compile(
    r"^(session-|user@|user-|run-|dpkg-db|apt-daily|ssh@|sshd@|systemd-(tmpfiles-clean|hostnamed|timedated|localed))"
    r"|@\d+-|\.(scope|slice|device)$"
)


def output(*words: str) -> list[str]:
    """Lines of a program; none where it is not there."""
    try:
        # A loaded machine's systemd takes its time to answer.
        patient = os.environ | {"SYSTEMD_BUS_TIMEOUT": "300"}
        done = subprocess.run(
            words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False, env=patient
        )
    except OSError:
        return []
    return done.stdout.decode(errors="replace").splitlines()


def tree() -> dict[str, dict[str, str]]:
    """Every path below ROOTS."""
    users = {entry.pw_uid: entry.pw_name for entry in pwd.getpwall()}
    groups = {entry.gr_gid: entry.gr_name for entry in grp.getgrall()}
    found: dict[str, dict[str, str]] = {}

    def look(path: Path) -> None:
        if PASSED_OVER.match(str(path)):
            return
        try:
            info = path.lstat()
            found[str(path)] = {
                "type": stat.filemode(info.st_mode)[0],
                "mode": f"{stat.S_IMODE(info.st_mode):04o}",
                "owner": users.get(info.st_uid, str(info.st_uid)),
                "group": groups.get(info.st_gid, str(info.st_gid)),
            } | content(path)
            inside = sorted(path.iterdir()) if stat.S_ISDIR(info.st_mode) else []
        except OSError:  # it went while we looked
            return
        for one in inside:
            look(one)

    for root in ROOTS:
        look(Path(root))
    return found


def content(path: Path) -> dict[str, str]:
    """A link's target; a file's SHA-256, and its text where that is short. Of an SSH key, which is chance, its kind."""
    if path.is_symlink():
        return {"target": str(path.readlink())}
    if not path.is_file():
        return {}
    data = path.read_bytes()
    for address, word in ADDRESSES.items():
        data = data.replace(address, word)
    if data.startswith(_SSH_KEY):
        return {"text": "a private key of SSH"}
    if path.suffix == ".pub" and path.with_suffix("").is_file():
        kind, _, *comment = data.decode(errors="replace").split()
        return {"text": " ".join([kind, *comment])}
    digest = {"sha256": hashlib.sha256(data).hexdigest()}
    return digest | {"text": data.decode(errors="replace")} if len(data) < 2000 else digest


def passwords() -> dict[str, str]:
    """A user > the kind of the password's hash (its salt is random), and the ageing fields."""
    kinds = {}
    for line in Path("/etc/shadow").read_text().splitlines():
        name, password, _, *ageing = line.split(":")
        locked = "!" if password.startswith("!$") else ""
        kind = "$".join(password.split("$")[:2]) if "$" in password else password
        kinds[name] = ":".join([locked, kind, *ageing[:5]])
    return kinds


def units() -> dict[str, str]:
    """A unit > enabled or not / active or not."""
    listed = output("systemctl", "list-unit-files", "--no-legend", "--no-pager")
    enabled = {words[0]: words[1] for words in map(str.split, listed) if len(words) > 1}
    loaded = output("systemctl", "list-units", "--all", "--plain", "--no-legend", "--no-pager")
    active = {words[0]: words[2] for words in map(str.split, loaded) if len(words) > 2}
    # What is mounted stands in `mounts`: systemd hears of it a moment later, when much is mounted even seconds.
    for unit in [each for each in active if each.endswith(".mount")]:
        del active[unit]
    return {
        unit: f"{enabled.get(unit, '-')}/{active.get(unit, '-')}"
        for unit in sorted(enabled.keys() | active.keys())
        if not LIVELY_UNITS.search(unit)
    }


def sysctls() -> dict[str, str]:
    """Kernel settings that keep still."""
    found = {}
    root = Path("/proc/sys")
    for path in root.rglob("*"):
        key = ".".join(path.relative_to(root).parts)
        if LIVELY.search(key) or path.is_dir():
            continue
        try:
            found[key] = path.read_text(errors="replace").strip()
        except OSError:  # write-only
            continue
    return found


def main() -> None:
    """Print it."""
    hashes = passwords()
    rules = [*output("iptables-save"), *output("ip6tables-save")]
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    state = {
        "tree": tree(),
        "users": {
            u.pw_name: f"{u.pw_uid}:{u.pw_gid}:{u.pw_gecos}:{u.pw_dir}:{u.pw_shell}:{hashes.get(u.pw_name)}"
            for u in pwd.getpwall()
        },
        "groups": {g.gr_name: f"{g.gr_gid}:{','.join(sorted(g.gr_mem))}" for g in grp.getgrall()},
        "units": units(),
        "packages": dict(
            line.split(" ", 1)
            for line in output("dpkg-query", "-W", "-f", "${Package} ${Version} ${Status} ${Architecture}\n")
        ),
        "sysctls": sysctls(),
        "mounts": {
            place: f"{device} {kind} {options}"
            for device, place, kind, options, *_ in mounts
            if not place.startswith(("/run/user", "/run/credentials"))
        },
        "firewall": {
            str(number): line
            for number, line in enumerate(re.sub(r"\[\d+:\d+\]|^#.*", "", line) for line in rules)
            if line
        },
        "hostname": {"hostname": Path("/proc/sys/kernel/hostname").read_text().strip()},
    }
    sys.stdout.write(json.dumps(state))


if __name__ == "__main__":
    main()
