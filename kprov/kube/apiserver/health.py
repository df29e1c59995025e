"""/healthz, /livez, /readyz with named checks, as upstream's healthz package."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from aiohttp import web

#: None: well; otherwise the reason.
Check = Callable[[], str | None]


class Health:
    """Checks by name, in the order in which they are shown."""

    def __init__(self) -> None:
        self._live: dict[str, Check] = {"ping": lambda: None, "log": lambda: None}
        self._ready: dict[str, Check] = {}
        #: Set when the server is stopping: ready no more, but alive.
        self.stopping = False
        self._ready["shutdown"] = lambda: "process is shutting down" if self.stopping else None

    def add(self, name: str, check: Check, *, ready_only: bool = False) -> None:
        (self._ready if ready_only else self._live)[name] = check

    @property
    def is_ready(self) -> bool:
        return all(check() is None for check in (*self._live.values(), *self._ready.values()))

    def answer(self, path: str, query: Mapping[str, str], excluded: set[str]) -> web.Response | None:
        """The answer to a health path, None when it is none."""
        parts = path.strip("/").split("/", 1)
        base, name = parts[0], parts[1] if len(parts) > 1 else ""
        if base not in {"healthz", "livez", "readyz"}:
            return None
        checks = self._live | self._ready if base == "readyz" else self._live
        if name:
            if name not in checks:
                return web.Response(status=404, text="404 page not found\n")
            checks = {name: checks[name]}
        results = {label: None if label in excluded else check() for label, check in checks.items()}
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


def _text(code: int, text: str) -> web.Response:
    return web.Response(status=code, text=text, headers={"X-Content-Type-Options": "nosniff"})
