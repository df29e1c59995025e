"""How far an upgrade or a rollback is on a host: a record in the operation's journal."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from kprov.errors import KprovError
from kprov.operations.phases import Memory


@dataclass(frozen=True)
class HostProgress:
    """The state of one host that the cluster itself does not show.

    `begun` and `done` name the target with which the upgrade began and ended; `before` is the digest of the
    bundle before; `cordoned` is whether the user had cordoned the node, None if the operation drains nothing.
    """

    begun: str | None = None
    done: str | None = None
    before: str | None = None
    cordoned: bool | None = None


#: The types of the values, as the journal has them.
_TYPES: dict[str, type] = {"begun": str, "done": str, "before": str, "cordoned": bool}


def read_progress(memory: Memory, host: str) -> HostProgress:
    """Return a host's record. Raises KprovError if another version of kprov wrote it."""
    value = memory.read(_key(host))
    if value is None:
        # Up to 0.1.0, each field had a key of its own.
        value = {field.name: memory.read(f"{field.name} {host}") for field in fields(HostProgress)}
    return _parse(value, host)


def update_progress(memory: Memory, host: str, **changes: str | bool | None) -> None:
    """Store a host's record with these fields changed."""
    progress = replace(read_progress(memory, host), **changes)  # type: ignore[arg-type]
    memory.store(_key(host), asdict(progress))


def _key(host: str) -> str:
    return f"progress of {host}"


def _parse(value: Any, host: str) -> HostProgress:
    valid = isinstance(value, dict) and all(
        name in _TYPES and (entry is None or isinstance(entry, _TYPES[name])) for name, entry in value.items()
    )
    if not valid:
        raise KprovError(
            f"the journal's record of {host} is not one of this version of kprov: "
            "continue the operation with the version that began it"
        )
    return HostProgress(**value)
