"""`kprov quickstart`: create a lab, install a cluster on it and verify it, as `make up` does."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import typer

from kprov.cli.options import run_options as given
from kprov.cli.output.tables import console
from kprov.errors import KprovError


def command(inventory: given.Inventory = Path("inventories/lab")) -> None:
    """Create the default lab, install a cluster on it and verify it. Print its nodes and the kubeconfig."""
    from kprov.cli.commands import lab, up, verify
    from kprov.cli.options import run_options
    from kprov.lab.kubectl import ensure_kubectl
    from kprov.operations.cluster import open_cluster

    with open_cluster(inventory) as cluster:
        kubeconfig = cluster.artifacts / "admin.conf"
    seconds: dict[str, float] = {}
    stages: tuple[tuple[str, Callable[[], None]], ...] = (
        ("lab", lab.up),
        ("up", lambda: up.run_up(run_options.RunArguments([str(inventory)]))),
        ("verify", lambda: verify.run_checks(run_options.HostOptions([str(inventory)]))),
    )
    for name, stage in stages:
        console.print(f"\n== kprov {'lab up' if name == 'lab' else name}", style="bold", markup=False)
        started = time.monotonic()
        stage()
        seconds[name] = time.monotonic() - started
    kubectl = ensure_kubectl()
    console.print("\n== kubectl get nodes", style="bold")
    process = subprocess.run(
        [kubectl, "--kubeconfig", kubeconfig, "get", "nodes", "-o", "wide"],
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode != 0:
        raise KprovError(f"kubectl get nodes: {process.stderr.strip()}")
    typer.echo(process.stdout)
    typer.echo(f"export KUBECONFIG={kubeconfig.resolve()}")
    typer.echo(f"kubectl: {kubectl}")
    typer.echo(", ".join(f"{name} {took:.1f} s" for name, took in seconds.items()))
