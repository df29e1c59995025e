"""Run the plays of a playbook one after the other, each on batches of its hosts."""

from __future__ import annotations

import random
from typing import Any

from kprov.errors import InputError, UnreachableError
from kprov.inventory import host_patterns, yaml_file
from kprov.inventory.trust import mark_untrusted
from kprov.playbook.connections.module_sender import ModuleSender
from kprov.playbook.model.plays import Play, Task
from kprov.playbook.running.batch import Batch
from kprov.playbook.running.run_state import RunState
from kprov.playbook.templating.filters import hashes
from kprov.playbook.templating.scope import Layer, Scope
from kprov.playbook.templating.templar import TemplatingError
from kprov.playbook.templating.values import FilterError
from kprov.playbook.variables.precedence import Variables, gathers_facts
from kprov.transport.agent_modules import parse_boolean


class PlaybookRun:
    """The run of the plays of one playbook."""

    def __init__(self, state: RunState, variables: Variables, sender: ModuleSender) -> None:
        self.state = state
        self.variables = variables
        self.sender = sender
        self.inventory = variables.inventory
        #: All hosts of the play in the inventory's order, failed ones too.
        self.matched: list[str] = []

    def run_play(self, play: Play) -> bool:
        """Run one play. Return False when the run must end."""
        scope = self._play_scope(play)
        self._prompt_for_variables(play, scope)
        for host in self.inventory.hosts:
            state = self.state.host(host)
            if state.errors_cleared:
                state.failed = state.own_failure = state.errors_cleared = False
        hosts = self.select_hosts(play, scope)
        if not hosts:
            self.state.callbacks.no_hosts(play.name)
            return not self.inventory.hosts or bool(self._remaining_hosts(list(self.inventory.hosts)))
        for host in hosts:
            self.state.stats(host)
        self.state.callbacks.play_started(play.name, hosts)
        self.state.journal.write("play", name=play.name, hosts=hosts)
        value = self.variables.templar.render
        self.state.result.play_ended = False
        for batch in split_batches(hosts, value(play.keywords.get("serial"), scope, "serial"), play):
            for host in batch:
                self.state.host(host).reset_for_play()
            self.variables.play_hosts = self.matched
            self.variables.facts.gather = self._make_fact_gatherer(play)
            for host in batch:
                self.variables.facts.host_facts(host).allowed |= gathers_facts(play)
            Batch(self.state, self.variables, self.sender, play, batch).run()
            lost = len(batch) - len(self._remaining_hosts(batch))
            if lost == len(batch):
                return False
            if self.state.result.play_ended:
                break
        return True

    def _remaining_hosts(self, hosts: list[str]) -> list[str]:
        return [h for h in hosts if not self.state.host(h).failed and not self.state.host(h).unreachable]

    def _play_scope(self, play: Play) -> Scope:
        layers = [
            Layer(self.state.options.extra_vars),
            Layer(play.variables),
            Layer(self.variables.magic_variables("localhost"), raw=True),
        ]
        return Scope(self.variables.templar, layers)

    def select_hosts(self, play: Play, scope: Scope | None = None) -> list[str]:
        """Return the active hosts of a play in the order of the play."""
        line = yaml_file.line_of(play.hosts, 0) or play.line
        try:
            pattern = self.variables.templar.render(play.hosts, scope or self._play_scope(play), "hosts")
        except TemplatingError as error:
            raise InputError(str(error), file=play.file, line=line) from None
        if not isinstance(pattern, (str, list)):
            text = f"must be patterns of hosts, not {pattern!r}"
            raise InputError(text, file=play.file, line=line, field="hosts")
        hosts = host_patterns.match_hosts(self.inventory, pattern)
        if self.state.options.limit:
            hosts = host_patterns.apply_limit(self.inventory, hosts, self.state.options.limit)
        self.matched = hosts
        return order_hosts(self._remaining_hosts(hosts), str(play.keywords.get("order") or "inventory"))

    def _prompt_for_variables(self, play: Play, scope: Scope) -> None:
        """Ask for the variables of `vars_prompt` that -e does not set."""
        for entry in play.keywords.get("vars_prompt") or []:
            name = str(entry.get("name") or "") if isinstance(entry, dict) else ""
            if not name.isidentifier():
                raise InputError(
                    "vars_prompt needs a name", file=play.file, line=play.line, field="vars_prompt"
                )
            if name in self.state.options.extra_vars:
                continue
            prompt = str(self.variables.templar.render(entry.get("prompt", name), scope, "prompt"))
            default = entry.get("default")
            question = f"{prompt} [{default}]" if default is not None else prompt
            echo = not parse_boolean(entry.get("private"), default=True)
            ask = self.state.callbacks.ask
            typed = ask(f"{question}: ", echo=echo)
            if parse_boolean(entry.get("confirm")) and typed != ask(f"confirm {question}: ", echo=echo):
                raise InputError(f"{name}: the two answers differ", field="vars_prompt")
            play.variables[name] = _convert_answer(typed or default or "", entry, play)

    def _make_fact_gatherer(self, play: Play) -> Any:
        options = {
            name: play.keywords[keyword]
            for keyword, name in (
                ("gather_subset", "gather_subset"),
                ("gather_timeout", "gather_timeout"),
                ("fact_path", "fact_path"),
            )
            if play.keywords.get(keyword) is not None
        }

        def gather(host: str, names: frozenset[str]) -> dict[str, Any]:
            scope = Scope(self.variables.templar, self.variables.host_layers(host))
            become = self.sender.find_become(Task({}, play), scope, host, host)
            arguments = {"_names": sorted(names)} if names and not options else {}
            item = {"args": {**options, **arguments}}
            result = self.sender.send(host, become, "setup", [item])[0]
            if result.get("failed"):
                raise UnreachableError(host, f"facts could not be gathered: {result.get('msg')}")
            facts = result.get("ansible_facts")
            if not isinstance(facts, dict):
                raise UnreachableError(host, f"malformed answer to setup: its facts are {facts!r:.100}")
            return facts

        return gather


def _convert_answer(answer: Any, entry: dict[str, Any], play: Play) -> Any:
    """Return the value of a prompt: hashed with `encrypt`, no template with `unsafe`. Raises InputError."""
    scheme = entry.get("encrypt")
    if scheme:
        size = entry.get("salt_size")
        try:
            number = None if size is None else int(size)
            answer = hashes.password_hash(str(answer), str(scheme), entry.get("salt"), number)
        except (FilterError, TypeError, ValueError) as error:
            raise InputError(str(error), file=play.file, line=play.line, field="vars_prompt") from None
    return mark_untrusted(answer) if parse_boolean(entry.get("unsafe")) else answer


def order_hosts(hosts: list[str], order: str) -> list[str]:
    """Sort hosts by the keyword `order`."""
    match order:
        case "reverse_inventory":
            return hosts[::-1]
        case "sorted":
            return sorted(hosts)
        case "reverse_sorted":
            return sorted(hosts, reverse=True)
        case "shuffle":
            return random.sample(hosts, len(hosts))
    return hosts


def split_batches(hosts: list[str], serial: Any, play: Play) -> list[list[str]]:
    """Split hosts by `serial`: a number, a percentage or a list of both. 0 or nothing means all hosts."""
    sizes = serial if isinstance(serial, list) else [serial]
    batches: list[list[str]] = []
    rest = list(hosts)
    while rest:
        size = sizes[min(len(batches), len(sizes) - 1)] if sizes else None
        try:
            if isinstance(size, str) and size.strip().endswith("%"):
                number = max(1, int(float(size.strip()[:-1]) / 100 * len(hosts)))
            else:
                number = int(size or 0) or len(hosts)
        except (TypeError, ValueError, OverflowError):
            raise InputError(
                f"serial must be numbers or percentages, not {size!r}",
                file=play.file,
                line=play.line,
                field="serial",
            ) from None
        if number < 0:
            number = len(hosts)
        batches.append(rest[:number])
        rest = rest[number:]
    return batches
