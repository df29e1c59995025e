"""`kprov quickstart`: create a lab, install a cluster on it and verify it, as `make up` does."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from kprov.cli.options import run_options
from kprov.cli.output.tables import console
from kprov.errors import InputError, KprovError


def command(
    inventory: run_options.Inventory = Path("inventories/lab"),
    name: Annotated[
        str | None, typer.Option("--name", "-n", help="Name of the lab. [default: default]")
    ] = None,
    subnet: Annotated[str | None, typer.Option(help="IPv4 network of the lab.")] = None,
    hosts: Annotated[int | None, typer.Option(help="Number of hosts of the lab.")] = None,
) -> None:
    """Create a lab, install a cluster on it and verify it. Print its nodes and the kubeconfig.

    An inventory of the lab is written if there is none.
    """
    from kprov.cli.commands import lab, up, verify
    from kprov.lab.definition import DEFAULT_NAME
    from kprov.lab.kubectl import ensure_kubectl
    from kprov.lab.prefetch import prefetch_bundle, start_prefetch
    from kprov.operations.cluster import open_cluster

    is_new = not inventory.exists()
    if not is_new and (name, subnet, hosts) != (None, None, None):
        text = (
            "exists; --name, --subnet and --hosts are for the lab of a new inventory: choose another folder"
        )
        raise InputError(text, file=inventory, field="--inventory")

    def create_lab() -> None:
        lab.up(name=name or DEFAULT_NAME, subnet=subnet, hosts=hosts, inventory=inventory if is_new else None)

    if not is_new:  # a mistake in it is reported before hosts are made
        with open_cluster(inventory):
            pass
    start_prefetch(prefetch_bundle, typer.echo)
    seconds: dict[str, float] = {}
    stages: tuple[tuple[str, Callable[[], None]], ...] = (
        ("lab", create_lab),
        ("up", lambda: up.run_up(run_options.RunArguments([str(inventory)]), new_cluster=True)),
        ("verify", lambda: verify.run_checks(run_options.HostOptions([str(inventory)]))),
    )
    for title, stage in stages:
        console.print(f"\n== kprov {'lab up' if title == 'lab' else title}", style="bold", markup=False)
        started = time.monotonic()
        stage()
        seconds[title] = time.monotonic() - started
    with open_cluster(inventory) as cluster:
        kubeconfig = cluster.artifacts / "admin.conf"
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
    typer.echo(", ".join(f"{title} {took:.1f} s" for title, took in seconds.items()))
