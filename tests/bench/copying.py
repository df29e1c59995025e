"""A large file to many hosts, against OpenSSH's scp run in parallel."""

from __future__ import annotations

import os
import shlex
import subprocess
import time

import yaml

from tests.bench.hosts import Bench, lab, show

_SIZE = 60 << 20


def copying() -> None:
    """60 MB to 10 hosts; the file is new for kprov in every round."""
    with lab("bench", 10, "10.68.0.0/24") as bench:
        source = bench.folder / "bundle"
        play = bench.folder / "copy.yml"
        task = {"ansible.builtin.copy": {"src": str(source), "dest": "/var/tmp/bundle-kprov", "mode": "0644"}}
        play.write_text(yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": [task]}]))
        source.write_bytes(b"the agent comes with the first run")
        bench.kprov("play", play)
        rounds = []
        for _ in range(3):
            source.write_bytes(os.urandom(_SIZE))
            # kprov's files are on the disk when it ends (they are renamed to their places): what scp only
            # left in memory must not be written during its time.
            os.sync()
            begin = time.monotonic()
            scp = _scp(bench, str(source))
            os.sync()
            durable = time.monotonic() - begin
            rounds.append((scp, durable, bench.kprov("play", play)))
        first, durable, second = (sorted(times)[1] for times in zip(*rounds, strict=True))
        show(
            [
                ("60 MB to 10 hosts: scp, kprov", f"{first:.2f} s, {second:.2f} s"),
                ("  ratio", f"{first / second:.2f}"),
                ("  ratio to scp until its files are on the disk, too", f"{durable / second:.2f}"),
            ]
        )


def _scp(bench: Bench, source: str) -> float:
    document = yaml.safe_load((bench.inventory / "hosts.yml").read_text())["all"]
    common = document["vars"]
    options = ["-i", common["ansible_ssh_private_key_file"], *shlex.split(common["ansible_ssh_common_args"])]
    start = time.monotonic()
    running = [
        subprocess.Popen(
            [
                "scp",
                "-q",
                *options,
                source,
                f"{common['ansible_user']}@{host['ansible_host']}:/var/tmp/bundle-scp",
            ]
        )
        for host in document["hosts"].values()
    ]
    if any(process.wait() for process in running):
        raise SystemExit("scp failed")
    return time.monotonic() - start
