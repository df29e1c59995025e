"""Runs the programs `nft`, `conntrack` and `ip`."""

import dataclasses
import shutil
from collections.abc import Iterable

import orjson

from kprov.kube.component_helpers.process import ProcessError, run
from kprov.kube.proxy.nftables.kernel_table import KernelTable, parse_elements, parse_table
from kprov.kube.proxy.nftables.transactions import TABLE

# Seconds. The kernel needs some time for the table of a large cluster.
_TIMEOUT = 60.0


async def run_transaction(text: str) -> None:
    """Run one nftables transaction. It changes all or nothing."""
    await run("nft", "-f", "-", stdin=text, timeout=_TIMEOUT)


async def table_exists(family: str) -> bool:
    try:
        await run("nft", "-t", "list", "table", family, TABLE)
    except ProcessError:
        return False
    return True


async def read_table(family: str, containers: Iterable[str]) -> KernelTable | None:
    """Return the table with the elements of those containers that exist. None without a table.

    Affinity sets are left out: they may have an entry for each client. Raises ProcessError.
    """
    if not await table_exists(family):
        return None
    listed = await run("nft", "--json", "--terse", "list", "table", family, TABLE, timeout=_TIMEOUT)
    table = parse_table(orjson.loads(listed))
    elements = {}
    for name in containers:
        if name in table.layout.containers:
            kind = table.layout.containers[name].kind
            listed = await run("nft", "--json", "list", kind, family, TABLE, name, timeout=_TIMEOUT)
            elements[name] = parse_elements(orjson.loads(listed))
    return dataclasses.replace(table, elements=elements)


async def delete_table(family: str) -> None:
    await run_transaction(f"add table {family} {TABLE}\ndelete table {family} {TABLE}\n")


async def list_local_addresses() -> list[str]:
    """All addresses of this host except loopback and link-local ones."""
    rows = orjson.loads(await run("ip", "-json", "address", "show"))
    return [
        entry["local"] for row in rows for entry in row.get("addr_info", []) if entry.get("scope") == "global"
    ]


async def delete_udp_entries(selections: Iterable[str], family: int) -> None:
    """Delete UDP entries by the selections of `State`. Does nothing without the program conntrack."""
    if shutil.which("conntrack") is None:
        return
    for selection in sorted(selections):
        where, _, endpoint = selection.partition(" via ")
        command = ["conntrack", "-D", "-f", f"ipv{family}", "-p", "udp"]
        command += ["--orig-port-dst", where[5:]] if where.startswith("port ") else ["--orig-dst", where]
        if endpoint:
            command += ["--dst-nat", endpoint]
        try:
            await run(*command)
        except ProcessError as error:
            if "0 flow entries" not in str(error):
                raise
