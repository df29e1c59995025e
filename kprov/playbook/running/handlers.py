"""Notified handlers, and the hosts on which each must run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kprov.errors import InputError
from kprov.playbook.loading import play_checks
from kprov.playbook.model.plays import Play, Task
from kprov.playbook.results.journal import Journal, task_fingerprint
from kprov.playbook.templating.scope import Scope


class Handlers:
    """The notifications of one play on one batch of hosts."""

    def __init__(self, play: Play, scope: Callable[[Task, str], Scope], journal: Journal) -> None:
        self.play = play
        self._scope = scope
        self._journal = journal
        self._waiting: dict[int, list[str]] = {}
        #: Notified names by host. They are resolved when handlers run, because includes may add handlers.
        self._notified: dict[str, dict[str, None]] = {}
        #: Hosts by handler that an earlier run notified: see `add_pending`.
        self._pending: dict[int, list[str]] = {}

    @property
    def has_pending(self) -> bool:
        """Whether an earlier run notified a handler that does not wait yet."""
        return bool(self._pending)

    def add_pending(self, handler: Task, host: str) -> None:
        """Add a handler that an earlier run notified.

        It waits from the moment when a task that notifies it has run again, or the last section has: its
        service may not be installed before.
        """
        self._pending.setdefault(id(handler), []).append(host)

    def release_pending(self, hosts: list[str]) -> None:
        """Let the handlers that an earlier run notified on these hosts wait."""
        for handler in self.play.handlers:
            for host in hosts:
                self._release(handler, host)

    def _release(self, handler: Task, host: str) -> None:
        pending = self._pending.get(id(handler), [])
        if host in pending:
            pending.remove(host)
            if not pending:
                del self._pending[id(handler)]
            self.add_host(handler, host)

    def notify(
        self,
        task: Task,
        hosts: list[str],
        scopes: list[Scope] | None = None,
        *,
        only_pending: bool = False,
    ) -> None:
        """Notify the handlers of a task that changed hosts. `scopes` are those of its changed items.

        `only_pending`: the task changed nothing, and only those that an earlier run notified must run.
        """
        for raw in task.collect_keyword("notify"):
            for host in hosts:
                names = (
                    {str(scope.templar.render(raw, scope, "notify")) for scope in scopes}
                    if scopes is not None and "{{" in str(raw)
                    else {str(self._scope(task, host).templar.render(raw, self._scope(task, host), "notify"))}
                    if "{{" in str(raw)
                    else {str(raw)}
                )
                for name in sorted(names):
                    self._notify_by_name(task, name, host, only_pending=only_pending)

    def _notify_by_name(self, task: Task, name: str, host: str, *, only_pending: bool) -> None:
        handlers = self._find_handlers(name, host)
        if self._pending:
            for handler in handlers:
                self._release(handler, host)
        if only_pending:
            return
        if not handlers:
            raise InputError(
                f"The requested handler '{name}' was not found in either the main handlers list "
                "nor in the listening handlers list",
                file=task.file,
                line=task.line,
                field="notify",
            )
        self._notified.setdefault(host, {})[name] = None
        for handler in handlers:
            self._journal.write("notify", host=host, handler=task_fingerprint(handler))

    def add_host(self, handler: Task, host: str) -> None:
        """Add a host on which a handler must run."""
        waiting = self._waiting.setdefault(id(handler), [])
        if host not in waiting:
            waiting.append(host)

    def _find_handlers(self, name: str, host: str) -> list[Task]:
        handlers = self._last_file_first()
        by_name = next((handler for handler in handlers if name in self._list_names(handler, host)), None)
        matches = [] if by_name is None else [by_name]
        seen: set[str] = set()
        for handler in handlers:
            # Of several handlers with the same name that listen to a topic, Ansible runs one.
            if name in handler.listen and (not handler.name or handler.name not in seen):
                matches += [handler] if handler is not by_name else []
                seen.add(handler.name)
        return matches

    def _last_file_first(self) -> list[Task]:
        """Return handlers in Ansible's search order: the last file first, each from its beginning."""
        loads: list[list[Task]] = []
        for handler in self.play.handlers:
            if loads and loads[-1][-1].parent is handler.parent:
                loads[-1].append(handler)
            else:
                loads.append([handler])
        return [handler for load in reversed(loads) for handler in load]

    def _list_names(self, handler: Task, host: str) -> list[str]:
        if "{{" not in handler.name:
            return play_checks.list_handler_names(handler)
        scope = self._scope(handler, host)
        name: Any = scope.templar.render(handler.name, scope, "name")
        roles = (handler.role.name, handler.role.short_name) if handler.role else ()
        return [str(name), *(f"{role} : {name}" for role in roles)]

    def take_hosts(self, handler: Task) -> list[str]:
        """Remove and return the hosts on which a handler must run."""
        for host, names in self._notified.items():
            for name in names:
                for meant in self._find_handlers(name, host):
                    self.add_host(meant, host)
        self._notified.clear()
        return self._waiting.pop(id(handler), [])

    def return_hosts(self, handler: Task, hosts: list[str]) -> None:
        """Set the hosts on which a handler must still run."""
        self._waiting[id(handler)] = hosts
