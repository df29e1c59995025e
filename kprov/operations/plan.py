"""Makes, saves and applies plans: what `up` would change on an inventory's hosts."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from kprov.errors import InputError, KprovError
from kprov.inventory import operator_files, yaml_bounds
from kprov.operations.unlisted_hosts import UnlistedHost
from kprov.operations.up import UpResult, install_cluster
from kprov.playbook.results.changes import Change
from kprov.playbook.results.run_result import Callbacks, RunOptions, SilentCallbacks

_VERSION = 1


class DriftError(KprovError):
    """The hosts have changed since the plan was made."""

    exit_code = 2


@dataclass(frozen=True)
class Plan:
    """The changes and errors by host; `options` are those that select tasks and hosts.

    `unlisted_hosts` are hosts of the cluster that the inventory does not have; the plan does not change them.
    """

    inventory: str
    changes: list[Change]
    options: dict[str, Any]
    made: float = 0.0
    errors: list[dict[str, str]] = field(default_factory=list)
    unlisted_hosts: list[UnlistedHost] = field(default_factory=list)

    @property
    def hosts(self) -> list[str]:
        """Return the hosts that would change."""
        return list(dict.fromkeys(change.host for change in self.changes))

    def restarts(self) -> dict[str, list[str]]:
        """Return the hosts on which a service would restart, by service."""
        hosts_by_service: dict[str, list[str]] = {}
        for change in self.changes:
            if change.kind == "service" and change.action in ("restarted", "stopped"):
                hosts_by_service.setdefault(change.what.removesuffix(".service"), []).append(change.host)
        return {name: list(dict.fromkeys(hosts)) for name, hosts in hosts_by_service.items()}

    def save(self, path: Path) -> None:
        """Write the plan atomically to a private file: diffs show contents of hosts. Raises InputError."""
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                with os.fdopen(handle, "w") as file:
                    json.dump(self.document(), file, indent=1)
                    file.write("\n")
                    file.flush()
                    os.fsync(file.fileno())
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)
        except OSError as error:
            raise InputError(f"cannot be written: {error.strerror}", file=path, field="--out") from error

    def document(self) -> dict[str, Any]:
        """Return the plan as a JSON document."""
        return {
            "kprov_plan": _VERSION,
            "made": self.made,
            "inventory": self.inventory,
            "options": self.options,
            "changes": [change.to_json() for change in self.changes],
            "errors": self.errors,
            "outsiders": [asdict(host) for host in self.unlisted_hosts],
        }


def load_plan(path: Path) -> Plan:
    """Load a saved plan. Raises InputError."""
    try:
        document = yaml_bounds.load_json(operator_files.read_bytes(path, field="--plan"))
        if document["kprov_plan"] != _VERSION:
            raise InputError(
                f"the plan has format version {document['kprov_plan']}; this kprov reads version {_VERSION}",
                file=path,
            )
        return Plan(
            document["inventory"],
            [Change.from_json(entry) for entry in document["changes"]],
            document["options"],
            document["made"],
        )
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"is not a plan: {error}", file=path, field="--plan") from None


def make_plan(
    inventory: Path,
    options: RunOptions,
    callbacks: Callbacks,
    say: Callable[[str], None],
    *,
    new_cluster: bool = False,
) -> Plan:
    """Check every host and return what would change. Changes nothing. Raises KprovError."""
    looking = replace(options, check=True, diff=True, plan=True)
    result = install_cluster(inventory, looking, callbacks, say, new_cluster=new_cluster)
    order = {host: number for number, host in enumerate(result.run.hosts)}
    changes = sorted(result.run.changes, key=lambda change: order[change.host])
    where = str(inventory.resolve())
    return Plan(
        where, changes, _choose_options(options), time.time(), result.run.errors, result.unlisted_hosts
    )


def _choose_options(options: RunOptions) -> dict[str, Any]:
    return {"limit": options.limit, "tags": list(options.tags), "skip_tags": list(options.skip_tags)}


def apply_plan(
    plan: Plan,
    inventory: Path,
    options: RunOptions,
    callbacks: Callbacks,
    say: Callable[[str], None],
    ignore: Collection[str] = (),
    *,
    new_cluster: bool = False,
) -> tuple[UpResult, list[Change]]:
    """Apply a plan if the hosts have not changed since; return changes that it did not have.

    Raises DriftError before any change if a host has changed since the plan was made.
    """
    if plan.inventory != str(inventory.resolve()):
        raise InputError(f"the plan is for {plan.inventory}, not for {inventory}", field="--plan")
    options = replace(
        options,
        limit=plan.options["limit"],
        tags=tuple(plan.options["tags"]),
        skip_tags=tuple(plan.options["skip_tags"]),
    )
    say("Checking that the hosts are unchanged since the plan")
    now = make_plan(inventory, options, SilentCallbacks(), say, new_cluster=new_cluster)
    differences = find_drift(plan.changes, now.changes)
    if differences:
        raise DriftError(
            "the hosts or the inventory changed since the plan was made; run `kprov plan` again:\n"
            + "\n".join(f"  {line}" for line in differences)
        )
    result = install_cluster(inventory, options, callbacks, say, ignore, new_cluster=new_cluster)
    return result, find_unplanned(plan.changes, result.run.changes)


def find_drift(planned: list[Change], now: list[Change]) -> list[str]:
    """Return the differences between two checks of the hosts, one line each."""
    before, after = (Counter(change.fingerprint for change in changes) for changes in (planned, now))
    vanished = [
        _place(change) for change in planned if after[change.fingerprint] < before[change.fingerprint]
    ]
    new = [_place(change) for change in now if before[change.fingerprint] < after[change.fingerprint]]
    lines = [
        f"{place}: {'would change in another way now' if place in new else 'no longer needs a change'}"
        for place in vanished
    ]
    lines += [f"{place}: not in the plan" for place in new if place not in vanished]
    return list(dict.fromkeys(lines))


def _place(change: Change) -> str:
    return f"{change.host}: {change.task}: {change.what}"


def find_unplanned(planned: list[Change], made: list[Change]) -> list[Change]:
    """Return the changes that a plan does not have; tasks that it could not foresee count as planned."""
    planned_tasks = {(change.host, change.task) for change in planned}
    return [change for change in made if (change.host, change.task) not in planned_tasks]


def describe_quorum(members: list[str], restarting: list[str], unreachable: list[str]) -> str | None:
    """Describe how restarts of etcd affect the quorum; None if no member restarts."""
    restarting_members = [host for host in members if host in restarting]
    if not restarting_members:
        return None
    needed = len(members) // 2 + 1
    remaining = len(members) - len([host for host in members if host in unreachable]) - 1
    where = ", ".join(restarting_members)
    if remaining >= needed:
        return (
            f"etcd restarts on {where}, one by one: "
            f"{remaining} of {len(members)} members keep running, {needed} are needed"
        )
    return (
        f"etcd restarts on {where}: only {remaining} of {len(members)} members keep running and {needed} are "
        "needed, so the API server rejects writes during each restart"
    )
