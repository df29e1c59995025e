"""The link-local address of the cluster DNS, on the loopback interface of every node."""

import ipaddress
import logging

from kprov.kube.component_helpers.process import ProcessError, run

log = logging.getLogger(__name__)

CHECK_SECONDS = 10.0


async def ensure_address(address: str) -> str | None:
    """Add the address to `lo` if no interface has it. Returns the reason if that fails, else None."""
    if ipaddress.ip_address(address).is_loopback or ipaddress.ip_address(address).is_unspecified:
        return None
    prefix = 128 if ":" in address else 32
    try:
        if (await run("ip", "-oneline", "address", "show", "to", f"{address}/{prefix}")).strip():
            return None
        await run("ip", "link", "set", "lo", "up")
        await run("ip", "address", "replace", f"{address}/{prefix}", "dev", "lo")
    except ProcessError as error:
        return str(error)
    log.info("added address %s to lo", address)
    return None
