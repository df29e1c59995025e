"""The link-local address that pods ask: put on the loopback interface of this node, and kept there."""

import asyncio
import ipaddress
import logging

log = logging.getLogger(__name__)

CHECK_SECONDS = 10.0


async def ensure(address: str) -> str | None:
    """Add the address to `lo` when no interface has it; the reason when that fails."""
    if ipaddress.ip_address(address).is_loopback or ipaddress.ip_address(address).is_unspecified:
        return None
    prefix = 128 if ":" in address else 32
    code, text = await _ip("-oneline", "address", "show", "to", f"{address}/{prefix}")
    if code == 0 and text.strip():
        return None
    code, text = await _ip("address", "add", f"{address}/{prefix}", "dev", "lo")
    if code != 0 and "File exists" not in text:
        return f"ip address add {address}: {text.strip()}"
    await _ip("link", "set", "lo", "up")
    log.info("address %s is on lo", address)
    return None


async def _ip(*arguments: str) -> tuple[int, str]:
    try:
        process = await asyncio.create_subprocess_exec(
            "ip", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
    except OSError as error:
        return 127, str(error)
    out, _ = await process.communicate()
    return process.returncode or 0, out.decode(errors="replace")
