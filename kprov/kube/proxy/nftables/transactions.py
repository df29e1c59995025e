"""The table as a value (maps, sets, chains of rules) and the text that changes it.

`render_replacement` replaces the kernel's table, `render_takeover` changes the kernel's table,
`render_difference` writes only what differs from the table written last.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from kprov.kube.proxy.nftables.kernel_table import Container, KernelTable, Layout, list_unknown

TABLE = "kube-proxy"


@dataclass
class Tables:
    """Contents that follow the services, of one family.

    elements: container name > key > value ("" in a set); chains: name > rules; affinity: set name > timeout
    in seconds. The containers themselves and the base chains are in `base`.
    """

    elements: dict[str, dict[str, str]] = field(default_factory=dict)
    chains: dict[str, tuple[str, ...]] = field(default_factory=dict)
    affinity: dict[str, int] = field(default_factory=dict)

    def add(self, container: str, key: str, value: str = "") -> None:
        """Keep the first value of a key: two services with one external IP and port are a mistake."""
        self.elements.setdefault(container, {}).setdefault(key, value)

    def merge(self, other: "Tables") -> None:
        for container, entries in other.elements.items():
            mine = self.elements.setdefault(container, {})
            for key, value in entries.items():
                mine.setdefault(key, value)
        self.chains.update(other.chains)
        self.affinity.update(other.affinity)


@dataclass(frozen=True)
class Transaction:
    """Text for `nft -f -`, and chains to which no rule leads any more.

    Kernels before 6.2 notice with a delay that no map refers to a chain any more. So stale chains are
    flushed now and deleted by a later transaction.
    """

    text: str
    stale_chains: frozenset[str] = frozenset()


def render_replacement(family: str, base: str, desired: Tables) -> Transaction:
    """Replace the kernel's table, if there is one. `base` creates containers and base chains.

    Session affinity of clients is lost.
    """
    where = f"{family} {TABLE}"
    lines = [f"add table {where}", f"delete table {where}", base.rstrip("\n")]
    lines += _render_changes(where, Tables(), desired)
    return Transaction("\n".join(lines) + "\n")


def render_takeover(
    family: str, base: str, layout: Layout, present: KernelTable, desired: Tables
) -> Transaction:
    """Change the kernel's table, whoever wrote it, into the desired one. `layout` is the layout of `base`.

    All rules are written, and the elements that differ. Affinity sets that stay keep their clients. Unknown
    containers and chains are removed. The table must be compatible (`KernelTable.is_compatible_with`).
    """
    where = f"{family} {TABLE}"
    chains, containers = present.layout.chains, present.layout.containers
    form = Container("set", (_get_address_type(family),))
    kept = Tables(
        elements={name: dict(entries) for name, entries in present.elements.items()},
        # A set of another type is created again.
        affinity={
            name: present.timeouts.get(name, 0) if containers[name] == form else 0
            for name in desired.affinity.keys() & containers.keys()
        },
    )
    lines = [f"add table {where}", *(f"flush chain {where} {name}" for name in sorted(chains))]
    lines += [base.rstrip("\n"), *_render_changes(where, kept, desired)]
    lines += [
        f"delete {containers[name].kind} {where} {name}"
        for name in list_unknown(containers, layout.containers, desired.affinity)
    ]
    stale = list_unknown(chains, layout.chains, desired.chains)
    return Transaction("\n".join(lines) + "\n", frozenset(stale))


def render_difference(family: str, present: Tables, desired: Tables) -> Transaction:
    """Change `present` into `desired`. The text is empty if they are equal."""
    where = f"{family} {TABLE}"
    lines = _render_changes(where, present, desired)
    stale = frozenset(present.chains.keys() - desired.chains.keys())
    lines += [f"flush chain {where} {name}" for name in sorted(stale)]
    lines += [
        f"delete set {where} {name}" for name in sorted(present.affinity.keys() - desired.affinity.keys())
    ]
    return Transaction("\n".join(lines) + "\n" if lines else "", stale)


def render_chain_deletion(family: str, names: Iterable[str]) -> str:
    return "".join(f"delete chain {family} {TABLE} {name}\n" for name in sorted(names))


def _render_changes(where: str, present: Tables, desired: Tables) -> list[str]:
    """Chains before the elements that lead to them, deletions before additions of the same key."""
    kind = _get_address_type(where.partition(" ")[0])
    lines = []
    for name, seconds in sorted(desired.affinity.items()):
        if present.affinity.get(name) != seconds:
            if name in present.affinity:
                lines.append(f"delete set {where} {name}")
            lines.append(
                f"add set {where} {name} {{ type {kind}; flags dynamic,timeout; timeout {seconds}s; }}"
            )
    changed = [name for name, rules in sorted(desired.chains.items()) if present.chains.get(name) != rules]
    resized = {
        name for name, seconds in desired.affinity.items() if present.affinity.get(name, seconds) != seconds
    }
    if resized:  # a set in use cannot be deleted, so the chains that name it are written again
        users = {
            name
            for name, rules in desired.chains.items()
            if any(item in rule for rule in rules for item in resized)
        }
        lines = [f"flush chain {where} {name}" for name in sorted(users & present.chains.keys())] + lines
        changed = sorted({*changed, *users})
    for name in changed:
        lines += [f"add chain {where} {name}", f"flush chain {where} {name}"]
    for name in changed:
        lines += [f"add rule {where} {name} {rule}" for rule in desired.chains[name]]
    for container in sorted(present.elements.keys() | desired.elements.keys()):
        old, new = present.elements.get(container, {}), desired.elements.get(container, {})
        gone = [key for key, value in old.items() if new.get(key) != value]
        if gone:
            lines.append(f"delete element {where} {container} {{ {', '.join(sorted(gone))} }}")
        fresh = [
            f"{key} : {value}" if value else key
            for key, value in sorted(new.items())
            if old.get(key) != value
        ]
        if fresh:
            lines.append(f"add element {where} {container} {{ {', '.join(fresh)} }}")
    return lines


def _get_address_type(family: str) -> str:
    return "ipv6_addr" if family == "ip6" else "ipv4_addr"
