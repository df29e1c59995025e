"""What differs between two records of the same playbook."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.parity import normalise
from tests.parity.corpus import Case
from tests.parity.twins import Twin

Events = list[dict[str, Any]]
_ABSENT = "(absent)"
#: kprov gathers facts when something asks for them: a play's own gathering is no task of it (differences.yml).
_GATHERING = "Gathering Facts"


@dataclass(frozen=True)
class Difference:
    """`key` is the place in the result (results.0.msg), or outcome, order, stats, or a part of the state."""

    case: str
    run: str
    task: str
    host: str
    key: str
    ansible: Any
    kprov: Any

    def __str__(self) -> str:
        def short(value: Any) -> str:
            shown = repr(value)
            return shown if len(shown) < 300 else shown[:290] + "..."

        return (
            f"{self.case} [{self.run}] {self.task!r} {self.host} {self.key}:\n"
            f"    ansible {short(self.ansible)}\n    kprov   {short(self.kprov)}"
        )


@dataclass(frozen=True)
class Side:
    """One engine's record, made comparable."""

    order: list[str]
    hosts: dict[str, list[tuple[str, str, dict[str, Any]]]]
    stats: dict[str, dict[str, int]]
    refused: str | None

    @classmethod
    def of(cls, events: Events, twin: Twin) -> Side:  # noqa: C901 - one branch for each kind of event
        """Task starts that nothing came of (meta, nobody left) do not count."""
        order: list[str] = []
        hosts: dict[str, list[tuple[str, str, dict[str, Any]]]] = defaultdict(list)
        stats: dict[str, dict[str, int]] = {}
        gathered: Counter[str] = Counter()
        refused = None
        play, title, fresh = "", "", False
        for event in events:
            if event["event"] == "play":
                play = normalise.text(event["name"], twin)
            elif event["event"] == "task":
                title, fresh = ("handler " if event["handler"] else "") + event["name"], True
            elif event["event"] == "result":
                if event["task"] == _GATHERING and event["outcome"] == "ok":
                    gathered[event["host"]] += 1
                    continue
                if fresh:
                    order.append(f"{play} > {normalise.task(normalise.text(title, twin))}")
                    fresh = False
                name = normalise.task(normalise.text(event["task"], twin))
                hosts[event["host"]].append((name, event["outcome"], normalise.value(event["result"], twin)))
            elif event["event"] == "stats":
                stats = {host: _counts(numbers) for host, numbers in event["hosts"].items()}
            elif event["event"] == "refused":
                refused = event["message"]
            elif event["event"] == "end" and not stats and refused is None:
                refused = event["log"]
        for host, number in gathered.items():
            if host in stats:
                stats[host]["ok"] -= number
        return cls(order, dict(hosts), stats, refused)


#: Task, outcome and result.
_Result = tuple[str, str, dict[str, Any]]
_Differs = Callable[[str, str, str, Any, Any], None]


def records(case: Case, run: str, ansible: Side, kprov: Side) -> list[Difference]:
    """All differences of a run."""
    found: list[Difference] = []

    def differs(task: str, host: str, key: str, theirs: Any, ours: Any) -> None:
        found.append(Difference(case.name, run, task, host, key, theirs, ours))

    if ansible.refused or kprov.refused or case.refused:
        if not (case.refused and ansible.refused and kprov.refused):
            differs("(load)", "", "refused", ansible.refused, kprov.refused)
        return found
    if ansible.order != kprov.order and not case.per_host:
        differs("(all)", "", "order", *_around(ansible.order, kprov.order))
    for host in sorted(ansible.hosts.keys() | kprov.hosts.keys()):
        theirs, ours = ansible.hosts.get(host, []), kprov.hosts.get(host, [])
        names, own = [one[0] for one in theirs], [one[0] for one in ours]
        if names != own:
            differs("(all)", host, "tasks", *_around(names, own))
        _compare_results(host, theirs, ours, differs)
        numbers, counts = ansible.stats.get(host, {}), kprov.stats.get(host, {})
        if numbers != counts:
            differs("(all)", host, "stats", numbers, counts)
    return found


def _compare_results(host: str, theirs: list[_Result], ours: list[_Result], differs: _Differs) -> None:
    """Compare the results of tasks with the same name, in their order."""
    rest = list(ours)
    for name, outcome, result in theirs:
        index = next((i for i, one in enumerate(rest) if one[0] == name), None)
        if index is None:
            continue
        _, mine, value = rest.pop(index)
        if outcome != mine:
            differs(name, host, "outcome", f"{outcome} {_message(result)}", f"{mine} {_message(value)}")
        for key, there, here in _values("", result, value):
            differs(name, host, key, there, here)


def _counts(numbers: dict[str, int]) -> dict[str, int]:
    """Ansible's summary calls `failures` what its recap calls `failed`."""
    return {("failed" if key == "failures" else key): count for key, count in sorted(numbers.items())}


def _message(result: dict[str, Any]) -> str:
    return str(result.get("msg", ""))[:200]


def _around(theirs: list[str], ours: list[str]) -> tuple[list[str], list[str]]:
    """Both from shortly before where they part."""
    first = next((i for i, pair in enumerate(zip(theirs, ours, strict=False)) if pair[0] != pair[1]), None)
    at = max(0, (min(len(theirs), len(ours)) if first is None else first) - 1)
    return theirs[at : at + 4], ours[at : at + 4]


def _values(place: str, theirs: Any, ours: Any) -> list[tuple[str, Any, Any]]:
    """Where two results differ; keys that only kprov has are its own affair."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        return [
            found
            for key, inner in theirs.items()
            for found in _values(f"{place}.{key}".lstrip("."), inner, ours.get(key, _ABSENT))
        ]
    if isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        return [
            found
            for index, inner in enumerate(theirs)
            for found in _values(f"{place}.{index}".lstrip("."), inner, ours[index])
        ]
    same = theirs == ours and type(theirs) is type(ours)
    return [] if same or _of_no_account(place, theirs) else [(place, theirs, ours)]


def _of_no_account(place: str, theirs: Any) -> bool:
    """The name of one of Ansible's temporary files; a diff of nothing."""
    return (isinstance(theirs, str) and theirs.startswith("/TEMPORARY")) or (
        place.rpartition(".")[2] == "diff" and theirs == []
    )


def states(
    case: str, run: str, ansible: tuple[Any, Any], kprov: tuple[Any, Any], pair: tuple[Twin, Twin]
) -> list[Difference]:
    """What a run made of one host and not of the other; each is (before, after), and `pair` kprov's twin and Ansible's."""
    theirs, ours = changes(*ansible, pair[1]), changes(*kprov, pair[0])
    return [
        Difference(case, run, "(host)", "", key, theirs.get(key, "(unchanged)"), ours.get(key, "(unchanged)"))
        for key in sorted(theirs.keys() | ours.keys())
        if theirs.get(key) != ours.get(key)
    ]


def changes(before: dict[str, Any], after: dict[str, Any], twin: Twin) -> dict[str, Any]:
    """part:name > its value afterwards, for everything that is not as it was."""
    found = {}
    for part, now in after.items():
        then = before[part]
        for name in then.keys() | now.keys():
            there = now.get(name, "(gone)")
            if then.get(name, "(gone)") != there:
                found[f"{part}:{normalise.text(name, twin)}"] = _comparable(there, twin)
    return found


def _comparable(entry: Any, twin: Twin) -> Any:
    """A small file with a name of the twin in it is compared by its text without that name."""
    if isinstance(entry, dict) and "text" in entry:
        shown = normalise.text(entry["text"], twin)
        rest = {key: value for key, value in entry.items() if key not in ("text", "sha256")}
        return rest | {"text": shown}
    return normalise.value(entry, twin)
