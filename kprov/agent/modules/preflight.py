"""Reads and tries what the operator's preflight checks ask for. No module of Ansible."""

from __future__ import annotations

from typing import Any

from kprov.agent.context import Context
from kprov.agent.preflight import listeners, network, probes, software, storage, system

ARGUMENTS: dict[str, dict[str, Any]] = {"requests": {"type": "dict", "required": True}}
RULES: dict[str, Any] = {"read_only": True}
_READERS: dict[str, Any] = {
    "system": system.read_system,
    "identity": system.read_identity,
    "listeners": listeners.read_listeners,
    "space": storage.read_space,
    "network": network.read_network,
    "software": software.read_software,
    "fsync": storage.measure_fsync,
    "repositories": network.try_repositories,
    "open": probes.open_ports,
    "connect": probes.connect_all,
    "ping": probes.ping_all,
    "close": probes.close_ports,
}


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Return the answer to each request: its name and its arguments. `times` are the host's, for its clock.

    A request that fails has its error in `errors`; the others are answered.
    """
    answers: dict[str, Any] = {}
    errors: dict[str, str] = {}
    begun = system.read_time()
    for name, arguments in args["requests"].items():
        try:
            answers[name] = _READERS[name](**(arguments or {}))
        except OSError as error:
            errors[name] = f"{error.strerror or error} {error.filename or ''}".strip()
        except (ValueError, KeyError, IndexError) as error:
            errors[name] = f"{type(error).__name__}: {error}"
    return {"answers": answers, "errors": errors, "times": [begun, system.read_time()]}
