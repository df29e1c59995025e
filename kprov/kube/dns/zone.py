"""All records of the cluster's zone. A name without records exists if it is the parent of another one."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

from kprov.kube.dns import records
from kprov.kube.dns.records import Record, Records


class Answer(NamedTuple):
    """`exists` False is NXDOMAIN. True without records is NODATA (RFC 2308).

    `additional`: addresses of the hosts that SRV records name.
    """

    exists: bool
    records: tuple[tuple[str, Record], ...] = ()
    additional: tuple[tuple[str, Record], ...] = ()


class Zone:
    """Records by service. `version` grows with every change, so that responses can be cached until then."""

    def __init__(self, domain: str, *, has_namespace: Callable[[str], bool] = lambda _: True) -> None:
        self.domain = domain.rstrip(".").lower()
        self.version = 0
        self._has_namespace = has_namespace
        self._by_service: dict[str, tuple[Records, Records]] = {}
        self._names: dict[str, list[Record]] = {}
        self._parents: Counter[str] = Counter()

    def owns(self, name: str) -> bool:
        """Whether the name is in the cluster's domain. Other servers are not asked for it."""
        return name == self.domain or name.endswith(f".{self.domain}")

    def set_service(self, key: str, forward: Records, lookup_reverse: Records) -> None:
        """Replace a service's records. Empty ones remove the service."""
        old = self._by_service.pop(key, ({}, {}))
        if old == (forward, lookup_reverse):
            self._by_service[key] = old
            return
        if forward or lookup_reverse:
            self._by_service[key] = (forward, lookup_reverse)
        for name in {*old[0], *old[1]}:
            self._remove(name, [*old[0].get(name, []), *old[1].get(name, [])])
        for name, entries in [*forward.items(), *lookup_reverse.items()]:
            self._insert(name, entries)
        self.version += 1

    def lookup(self, name: str, kind: str) -> Answer:
        """Look up a lower-case name. A CNAME is followed within the zone."""
        answers: list[tuple[str, Record]] = []
        seen: set[str] = set()
        while name not in seen:
            seen.add(name)
            entries = self._find_records(name)
            if entries is None:
                # The CNAME points to a name that does not exist: the answer ends with the CNAME.
                return Answer(bool(answers), tuple(answers))
            matching = [record for record in entries if kind in {record.type, "ANY"}]
            answers += [(name, record) for record in matching]
            alias = next((record for record in entries if record.type == "CNAME"), None)
            if matching or alias is None or kind == "CNAME":
                break
            answers.append((name, alias))
            name = alias.data
            if not self.owns(name):
                break
        return Answer(True, tuple(answers), self._find_additional(answers) if kind == "SRV" else ())

    def lookup_reverse(self, name: str) -> Answer:
        """PTR records. Other servers may have names that do not exist here."""
        entries = self._names.get(name, [])
        return Answer(bool(entries), tuple((name, record) for record in entries))

    def _find_records(self, name: str) -> list[Record] | None:
        entries = self._names.get(name)
        if entries is not None:
            return entries
        if name in self._parents or name in {self.domain, f"svc.{self.domain}", f"pod.{self.domain}"}:
            return []
        if name == f"dns-version.{self.domain}":
            return [Record("TXT", records.SCHEMA_VERSION)]
        if not self.owns(name):
            return None
        labels = name[: -len(self.domain) - 1].split(".")
        if labels[-1] == "svc" and len(labels) == 2 and self._has_namespace(labels[0]):
            return []
        if labels[-1] == "pod" and len(labels) == 2 and self._has_namespace(labels[0]):
            return []
        if labels[-1] == "pod" and len(labels) == 3 and self._has_namespace(labels[1]):
            address = records.parse_pod_address(labels[0])
            return [Record("AAAA" if ":" in address else "A", address)] if address else None
        return None

    def _find_additional(self, answers: Iterable[tuple[str, Record]]) -> tuple[tuple[str, Record], ...]:
        hosts = dict.fromkeys(record.data.rsplit(" ", 1)[1] for _, record in answers if record.type == "SRV")
        return tuple(
            (host, record)
            for host in hosts
            for record in self._names.get(host, [])
            if record.type in {"A", "AAAA"}
        )

    def _insert(self, name: str, entries: list[Record]) -> None:
        if name not in self._names:
            self._names[name] = []
            self._parents.update(_list_parents(name))
        self._names[name] = self._names[name] + entries

    def _remove(self, name: str, entries: list[Record]) -> None:
        left = list(self._names.get(name, []))
        for record in entries:
            if record in left:
                left.remove(record)
        if left:
            self._names[name] = left
        elif self._names.pop(name, None) is not None:
            self._parents.subtract(_list_parents(name))
            for parent in _list_parents(name):
                if self._parents[parent] <= 0:
                    del self._parents[parent]


def _list_parents(name: str) -> list[str]:
    labels = name.split(".")
    return [".".join(labels[i:]) for i in range(1, len(labels))]
