"""The work that is interrupted: its files, what hosts must look like after it, and what may not be left."""

from __future__ import annotations

import hashlib
import io
import json
import random
import tarfile
from pathlib import Path

import yaml

from tests.fault.hosts import HOSTS, Hosts

PLAYBOOK = Path(__file__).parent / "playbook" / "site.yml"
LARGE = 20 << 20
ROOT = "/srv/fault"
#: Seconds in which an agent that lost its operator ends: its longest task, and some.
AGENT_ENDS = 30.0

#: What is looked at on a host: name and value on each line.
_LOOK = f"""
cd {ROOT} && find . -type f ! -path './marks/*' | sort | xargs sha256sum | sed 's/^/file /'
echo "current $(readlink current) $(cat current)"
for n in 1 2 3; do echo "user $(getent passwd fault$n | cut -d: -f1,5)"; done
echo "tree $(dpkg-query -W -f '${{db:Status-Abbrev}}' tree 2>/dev/null | tr -d ' ')"
echo "audit $(dpkg --audit | wc -c)"
echo "worker $(systemctl is-active fault-worker) $(systemctl is-enabled fault-worker)"
echo "loaded $(sha256sum < /run/fault-worker)"
echo "unit $(sha256sum < /etc/systemd/system/fault-worker.service)"
"""
#: Files of kprov, apt or Ansible that only a running task may have.
_LEFT = r"""
find / -xdev \( -path /proc -o -path /sys \) -prune -o \( -name '.kprov-*' -o -name 'kprov-????????' -o -name '.new-*' \
  -o -name '.ansible*' -o -name 'ansible_*' -o -name '*.dpkg-new' -o -name '*.dpkg-tmp' \) -print
find /tmp /var/tmp /dev/shm /run/kprov -mindepth 1 \( -name '.*kprov*' -o -name 'kprov-??????*' -o -name 'crontab*' \) -print
"""
#: The locks that a later run would wait for: one that can be had at once is free.
_LOCKS = """python3 -c '
import fcntl
for name, lock in (("/run/kprov/turn", fcntl.flock), ("/var/lib/dpkg/lock-frontend", fcntl.lockf),
                   ("/var/lib/dpkg/lock", fcntl.lockf), ("/var/lib/apt/lists/lock", fcntl.lockf)):
    try:
        lock(open(name, "ab"), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        print(name)
'"""


def prepare(hosts: Hosts, stamp: int) -> None:
    """The work with another stamp: every task has something to do."""
    made = hosts.made
    made.mkdir(parents=True, exist_ok=True)
    content = random.Random(stamp).randbytes(LARGE)
    (made / "large.bin").write_bytes(content)
    with tarfile.open(made / "tree.tar.gz", "w:gz", compresslevel=1) as tar:
        for number in range(20):
            data = _unpacked(stamp, number)
            entry = tarfile.TarInfo(f"tree/{number}.bin")
            entry.size, entry.mtime, entry.mode = len(data), 1_700_000_000 + stamp, 0o644
            tar.addfile(entry, io.BytesIO(data))
    folder = hosts.inventory / "group_vars"
    folder.mkdir(exist_ok=True)
    (folder / "all.yml").write_text(yaml.safe_dump({"stamp": stamp, "made": str(made)}))


def _unpacked(stamp: int, number: int) -> bytes:
    return f"stamp {stamp} file {number}\n".encode() * 2000


def expected(hosts: Hosts, stamp: int) -> list[str]:
    """The lines that _LOOK prints on a host that is as the work wants it."""
    parts = {f"conf.d/{n}.conf": f"stamp {stamp}\npart {n}\n".encode() for n in range(6)}
    loaded = b"".join(parts.values()) + f"unit {stamp}\n".encode()
    files = parts | {f"unpacked/tree/{n}.bin": _unpacked(stamp, n) for n in range(20)}
    files["data/large.bin"] = (hosts.made / "large.bin").read_bytes()
    block = f"# BEGIN ANSIBLE MANAGED BLOCK\nstamp {stamp}\n# END ANSIBLE MANAGED BLOCK\n"
    lines = "".join(f"{name}={stamp}\n" for name in ("one", "two", "three"))
    files["lines.conf"] = (lines + block).encode()
    files["found"], files["done"] = f"found {stamp}\n".encode(), f"done {stamp}\n".encode()
    source = (PLAYBOOK.parent / "templates" / "worker.service.j2").read_text()
    unit = source.replace("{{ stamp }}", str(stamp)).replace("{{ root }}", ROOT)
    return [
        *(f"file {_sum(files[name])}  ./{name}" for name in sorted(files)),
        f"current marks/{stamp} {stamp}",
        *(f"user fault{n}:stamp {stamp}" for n in (1, 2, 3)),
        "tree ii" if stamp % 2 else "tree ",
        "audit 0",
        "worker active enabled",
        f"loaded {_sum(loaded)}  -",
        f"unit {_sum(unit.encode())}  -",
    ]


def _sum(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def problems(hosts: Hosts, stamp: int) -> list[str]:
    """What on the hosts is not as it should be, and what was left behind; nothing when all is well."""
    found = []
    for host in HOSTS:
        is_now = hosts.inside(host, _LOOK, check=False).splitlines()
        wanted = expected(hosts, stamp)
        found += [
            f"{host}: is {line!r}" for line in is_now if line.strip() not in [w.strip() for w in wanted]
        ]
        found += [
            f"{host}: is not {line!r}" for line in wanted if line.strip() not in [n.strip() for n in is_now]
        ]
        found += [f"{host}: left behind: {line}" for line in hosts.inside(host, _LEFT, check=False).split()]
        found += [f"{host}: still locked: {line}" for line in hosts.inside(host, _LOCKS, check=False).split()]
    return found


def journals(hosts: Hosts) -> list[str]:
    """What is wrong with the journals: only the last line of one may have been cut by a kill."""
    found = []
    for path in sorted((hosts.inventory / "artifacts" / "journal").glob("*.jsonl")):
        lines = path.read_text().split("\n")
        for number, line in enumerate(lines[:-1], 1):
            try:
                json.loads(line)
            except ValueError:
                found.append(f"{path}:{number}: not readable: {line[:80]!r}")
        if path.stat().st_mode & 0o077:
            found.append(f"{path}: others may read it")
    return found
