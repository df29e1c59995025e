"""The edge to the kernel: `nft`, `conntrack` and `ip` as programs."""

import asyncio
import shutil
from collections.abc import Iterable

import orjson

from kprov.kube.proxy.nftables import TABLE

_TIMEOUT = 60.0


class KernelError(Exception):
    """A program refused; the text has its name and words."""


async def run(*command: str, stdin: str = "") -> str:
    """A program's output. Raises KernelError with what it said on failure or after a minute."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        raise KernelError(f"{command[0]}: {error.strerror or error}") from error
    try:
        async with asyncio.timeout(_TIMEOUT):
            out, err = await process.communicate(stdin.encode())
    except TimeoutError:
        process.kill()
        await process.wait()
        raise KernelError(f"{' '.join(command)}: no end after {_TIMEOUT:.0f}s") from None
    if process.returncode != 0:
        raise KernelError(f"{' '.join(command)}: {err.decode(errors='replace').strip()[:2000]}")
    return out.decode()


async def apply(text: str) -> None:
    """Run one nftables transaction: all of it or nothing."""
    await run("nft", "-f", "-", stdin=text)


async def table_exists(family: str) -> bool:
    try:
        await run("nft", "-t", "list", "table", family, TABLE)
    except KernelError:
        return False
    return True


async def delete_table(family: str) -> None:
    await apply(f"add table {family} {TABLE}\ndelete table {family} {TABLE}\n")


async def local_addresses() -> list[str]:
    """All addresses of this host but loopback ones and those of the link."""
    rows = orjson.loads(await run("ip", "-json", "address", "show"))
    return [
        entry["local"] for row in rows for entry in row.get("addr_info", []) if entry.get("scope") == "global"
    ]


async def forget_udp(selections: Iterable[str], family: int) -> None:
    """Delete conntrack entries of UDP by State's selections; without the program nothing is done."""
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
        except KernelError as error:
            if "0 flow entries" not in str(error):
                raise
