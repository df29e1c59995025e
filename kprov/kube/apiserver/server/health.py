"""/healthz, /livez and /readyz with named checks, and their results at /metrics/slis.

Source: apiserver/pkg/server/healthz.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Final

from kprov.kube.component_base.health_metrics import HealthMetrics
from kprov.kube.component_base.http11.response import Response

#: None if healthy, else the reason.
Check = Callable[[], str | Awaitable[str | None] | None]

_BASES: Final = ("healthz", "livez", "readyz")
_PLAIN: Final = {"Cache-Control": "no-cache, private"}
_SNIFFED: Final = _PLAIN | {"X-Content-Type-Options": "nosniff"}


class Health:
    """The checks by name, in the order of the response."""

    def __init__(self) -> None:
        self._live: dict[str, Check] = {"ping": lambda: None, "log": lambda: None}
        self._ready: dict[str, Check] = {}
        self._hooks: dict[str, Check] = {}
        #: The server is stopping: /readyz fails, /livez does not.
        self.stopping = False
        self._metrics = HealthMetrics()

    def add(self, name: str, check: Check, *, ready_only: bool = False) -> None:
        (self._ready if ready_only else self._live)[name] = check

    def add_hook(self, name: str, check: Check) -> None:
        """Add the check of a post-start hook to all three endpoints."""
        self._hooks[f"poststarthook/{name}"] = check

    def _check_shutdown(self) -> str | None:
        return "process is shutting down" if self.stopping else None

    def format_slis(self) -> bytes:
        """Return the results so far in Prometheus' text format."""
        return self._metrics.render()

    def list_paths(self) -> list[str]:
        """Return the paths that `answer` serves."""
        return [
            f"/{base}{name}"
            for base in _BASES
            for name in ("", *(f"/{check}" for check in self._select_checks(base)))
        ]

    def _select_checks(self, base: str) -> dict[str, Check]:
        if base == "readyz":
            return self._live | self._ready | self._hooks | {"shutdown": self._check_shutdown}
        return self._live | self._hooks

    async def answer(self, path: str, query: Mapping[str, str], excluded: Collection[str]) -> Response | None:
        """Return the response for a health path; None for other paths."""
        base, slash, name = path[1:].partition("/")
        if base not in _BASES:
            return None
        checks = self._select_checks(base)
        if slash and name not in checks:
            return None
        if slash:
            reason = await _run_check(checks[name])
            if reason is None:
                return Response(text="ok", headers=_PLAIN)
            return Response(status=500, text=f"internal server error: {reason}\n", headers=_SNIFFED)
        names = [label for label in checks if label not in excluded]
        reasons = await asyncio.gather(*(_run_check(checks[label]) for label in names))
        results = dict.fromkeys(checks) | dict(zip(names, reasons, strict=True))
        failed = self._metrics.count(base, {label: results[label] for label in names})
        if not failed and "verbose" not in query:
            return Response(text="ok", headers=_SNIFFED)
        lines = [
            f"[-]{label} failed: reason withheld"
            if reason is not None
            else f"[+]{label} excluded: ok"
            if label in excluded
            else f"[+]{label} ok"
            for label, reason in results.items()
        ]
        unknown = sorted(set(excluded) - checks.keys())
        if unknown:
            quoted = ",".join(json.dumps(label) for label in unknown)
            lines.append(f"warn: some health checks cannot be excluded: no matches for {quoted}")
        lines.append(f"{base} check {'failed' if failed else 'passed'}")
        return Response(status=500 if failed else 200, text="\n".join(lines) + "\n", headers=_SNIFFED)


async def _run_check(check: Check) -> str | None:
    result = check()
    return await result if isinstance(result, Awaitable) else result
