"""/healthz, /livez, /readyz with named checks, as upstream's healthz package."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from kprov.kube.component_base.http11.answer import Response

#: None: well; otherwise the reason.
Check = Callable[[], str | Awaitable[str | None] | None]
_HEADERS: Final = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache, private"}


class Health:
    """Checks by name, in the order in which they are shown."""

    def __init__(self) -> None:
        self._live: dict[str, Check] = {"ping": lambda: None, "log": lambda: None}
        self._ready: dict[str, Check] = {}
        #: Set when the server is stopping: ready no more, but alive.
        self.stopping = False

    def add(self, name: str, check: Check, *, ready_only: bool = False) -> None:
        (self._ready if ready_only else self._live)[name] = check

    def _shutdown(self) -> str | None:
        return "process is shutting down" if self.stopping else None

    async def answer(self, path: str, query: Mapping[str, str], excluded: set[str]) -> Response | None:
        """The answer to a health path, None when it is none."""
        base, slash, name = path[1:].partition("/")
        if base not in {"healthz", "livez", "readyz"}:
            return None
        checks = self._live
        if base == "readyz":
            checks = checks | self._ready | {"shutdown": self._shutdown}
        if slash and name not in checks:
            return None
        if slash:
            reason = await _result(checks[name])
            return _text(200, "ok") if reason is None else _text(500, f"internal server error: {reason}\n")
        names = [label for label in checks if label not in excluded]
        found = await asyncio.gather(*(_result(checks[label]) for label in names))
        results = dict.fromkeys(checks) | dict(zip(names, found, strict=True))
        failed = [label for label, reason in results.items() if reason is not None]
        if not failed and "verbose" not in query:
            return _text(200, "ok")
        lines = [
            f"[-]{label} failed: reason withheld"
            if reason is not None
            else f"[+]{label} excluded: ok"
            if label in excluded
            else f"[+]{label} ok"
            for label, reason in results.items()
        ]
        lines.append(f"{base} check {'failed' if failed else 'passed'}")
        return _text(500 if failed else 200, "\n".join(lines) + "\n")


async def _result(check: Check) -> str | None:
    found = check()
    return await found if isinstance(found, Awaitable) else found


def _text(code: int, text: str) -> Response:
    return Response(status=code, text=text, headers=_HEADERS)
