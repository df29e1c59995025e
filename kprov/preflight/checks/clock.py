"""The hosts' clocks: against each other, against the operator's, against the certificates."""

from __future__ import annotations

import datetime as dt
import statistics
from collections.abc import Iterator

from kprov.preflight.fleet import Fleet, PreflightHost
from kprov.preflight.model import Problem, Severity, for_each_host


def find_offsets(fleet: Fleet) -> Iterator[Problem]:
    """Find clocks that differ from the median of all hosts, or from the operator's clock."""
    if not fleet.hosts:
        return
    median = statistics.median(host.clock_offset for host in fleet.hosts)
    for host in fleet.hosts:
        limits = host.variables
        off = _reduce(host.clock_offset - median, host.clock_error)
        if abs(off) > limits.preflight_clock_offset_seconds:
            severe = abs(off) > limits.preflight_clock_offset_limit_seconds
            allowed = (
                f"{limits.preflight_clock_offset_seconds:g} s are allowed (preflight_clock_offset_seconds)"
            )
            text = f"its clock is {_describe(off)} the median of all hosts; {allowed}"
            yield Problem(host.name, text, None if severe else Severity.WARNING)
            continue
        off = _reduce(host.clock_offset, host.clock_error)
        if abs(off) > limits.preflight_clock_offset_limit_seconds:
            text = f"its clock is {_describe(off)} this machine's"
            yield Problem(host.name, text, Severity.WARNING)


@for_each_host
def find_unsynchronized(host: PreflightHost) -> Iterator[Problem]:
    """Find a clock that no time service keeps."""
    # A container has the clock of its machine and cannot set it.
    if host.facts.system.clock_synchronized is False and not host.facts.system.container:
        yield Problem(host.name, "no time service synchronizes the clock")


def find_early_clocks(fleet: Fleet) -> Iterator[Problem]:
    """Find hosts by whose clock the CA's certificate is not valid yet."""
    for host in fleet.hosts:
        here = fleet.now + host.clock_offset
        if fleet.authority_start is not None and here < fleet.authority_start:
            text = f"its clock shows {_format(here)}; the CA is valid from {_format(fleet.authority_start)}"
            yield Problem(host.name, text)


def _reduce(offset: float, error: float) -> float:
    """Return the part of an offset that its error cannot explain."""
    return 0.0 if abs(offset) <= error else offset - error if offset > 0 else offset + error


def _describe(offset: float) -> str:
    return f"{abs(offset):.1f} s {'ahead of' if offset > 0 else 'behind'}"


def _format(moment: float) -> str:
    return dt.datetime.fromtimestamp(moment, dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
