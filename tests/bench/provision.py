"""The provisioner against ansible-core and mitogen: first run, and again with nothing to change."""

from __future__ import annotations

import contextlib

import yaml

from tests.bench.hosts import WORK, Bench, best, lab, mitogen, peak_mib, settle, show
from tests.fault.slow import relay


def small() -> None:
    """Three hosts: first runs and re-runs of all three engines."""
    with lab("bench", 3, "10.68.0.0/24") as bench:
        _compare(bench, with_mitogen=True)


def delayed() -> None:
    """The same over relays that keep every byte for 50 ms, in both directions: kernels may have no netem."""
    with lab("bench", 3, "10.68.0.0/24") as bench, contextlib.ExitStack() as relays:
        document = yaml.safe_load((bench.inventory / "hosts.yml").read_text())
        for host in document["all"]["hosts"].values():
            port = relays.enter_context(relay(host["ansible_host"], 0.05))
            host.update(ansible_host="127.0.0.1", ansible_port=port)
        common = document["all"]["vars"]
        # Known hosts are known by their addresses, not by the relays'.
        common["ansible_ssh_common_args"] = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
        far = bench.folder / "far"
        far.mkdir()
        (far / "hosts.yml").write_text(yaml.safe_dump(document))
        _compare(Bench(far, bench.folder), with_mitogen=False)


def _compare(bench: Bench, *, with_mitogen: bool) -> None:
    site, reset = WORK / "site.yml", WORK / "reset.yml"
    bench.ansible(reset)  # warms ControlPersist, too
    ansible_first = bench.ansible(site)
    ansible_again = best(3, lambda: bench.ansible(site))
    bench.kprov("play", reset)
    kprov_first = bench.kprov("play", site)
    kprov_again = best(5, lambda: bench.kprov("play", site))
    rows = [
        ("first run: ansible-core, kprov", f"{ansible_first:.2f} s, {kprov_first:.2f} s"),
        ("  ratio", f"{ansible_first / kprov_first:.1f}"),
        ("again: ansible-core, kprov", f"{ansible_again:.2f} s, {kprov_again:.2f} s"),
        ("  ratio", f"{ansible_again / kprov_again:.1f}"),
    ]
    if with_mitogen:
        where = mitogen()
        bench.ansible(site, mitogen=where)
        mitogen_again = best(3, lambda: bench.ansible(site, mitogen=where))
        rows += [
            ("again: mitogen, kprov", f"{mitogen_again:.2f} s, {kprov_again:.2f} s"),
            ("  ratio", f"{mitogen_again / kprov_again:.1f}"),
        ]
    rows.append(
        (
            "one module on all hosts, kprov",
            f"{best(5, lambda: bench.kprov('run', 'all', '-m', 'ping')):.2f} s",
        )
    )
    show(rows)


def many() -> None:
    """30 hosts against 3: wall time of a re-run, and memory of kprov."""
    with lab("bench", 30, "10.68.0.0/24") as bench:
        site = WORK / "site.yml"
        bench.kprov("play", site, "-f", "30")
        settle()
        three = best(5, lambda: bench.kprov("play", site, "-l", "node1,node2,node3"))
        thirty = best(5, lambda: bench.kprov("play", site, "-f", "30"))
        show(
            [
                ("again: 3 hosts, 30 hosts", f"{three:.2f} s, {thirty:.2f} s"),
                ("  ratio", f"{thirty / three:.1f}"),
                ("largest memory of kprov", f"{peak_mib():.0f} MiB"),
            ]
        )
