"""Reconciles this node's routes, rules and CNI configuration with the Node objects."""

import asyncio
import logging
from collections.abc import Awaitable, Iterable

from kprov.kube.api.core import Node
from kprov.kube.component_helpers.process import ProcessError
from kprov.kube.pod_network import conflist, kernel, routes, ruleset
from kprov.kube.pod_network.options import Options

log = logging.getLogger(__name__)

_FAMILIES = {"ip": "-4", "ip6": "-6"}


class Reconciler:
    """`problems`: the problems of the last pass by subject, for the health endpoint."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._families = ruleset.list_families(options.cluster_cidrs)
        self._rules_seen: dict[str, str] = {}
        self.problems: dict[str, str] = {"network": "not set up yet"}

    async def reconcile(self, nodes: Iterable[Node]) -> bool:
        """One pass. True if this node's pods can be reached. Failures go to `problems`."""
        nodes = list(nodes)
        own = next((node for node in nodes if node.metadata.name == self._options.node_name), None)
        own_cidrs = list_pod_cidrs(own) if own is not None else []
        others = [make_peer(node) for node in nodes if node is not own]
        plan = routes.compute_routes((other for other in others if other.pod_cidrs), own_cidrs)
        problems = {
            "node": self._check_own_node(own, own_cidrs),
            "peers": "; ".join(plan.problems),
            "forwarding": kernel.check_forwarding(),
            "routes": await self._run_and_describe(self._sync_routes(plan.routes)),
            "nftables": await self._run_and_describe(self._sync_rules()),
            "cni": self._write_conflist(own_cidrs),
        }
        new = {subject: text for subject, text in problems.items() if text}
        for subject, text in new.items():
            if self.problems.get(subject) != text:
                log.warning("%s: %s", subject, text)
        self.problems = new
        return not any(new.get(subject) for subject in ("node", "routes", "nftables", "cni"))

    def _check_own_node(self, own: Node | None, own_cidrs: list[str]) -> str:
        if own is None:
            return f'node "{self._options.node_name}" is not registered yet'
        return "" if own_cidrs else f'node "{self._options.node_name}" has no spec.podCIDR yet'

    @staticmethod
    async def _run_and_describe(work: Awaitable[None]) -> str:
        try:
            await work
        except ProcessError as error:
            return str(error)
        return ""

    async def _sync_routes(self, desired: frozenset[routes.Route]) -> None:
        for family in self._families:
            flag = _FAMILIES[family]
            wanted = frozenset(route for route in desired if (":" in route.destination) == (flag == "-6"))
            lines = routes.render_changes(wanted, await kernel.list_own_routes(flag))
            if lines:
                log.info("routes: %s", "; ".join(lines))
                await kernel.change_routes(flag, lines)

    async def _sync_rules(self) -> None:
        """Load the table if it differs from the table after the last load."""
        now = {family: await kernel.list_table(family) for family in self._families}
        if now == self._rules_seen and all(now.values()):
            return
        await kernel.load_ruleset(ruleset.render_ruleset(self._options.cluster_cidrs))
        self._rules_seen = {family: await kernel.list_table(family) for family in self._families}
        log.info("nftables: table %s loaded", ruleset.TABLE)

    def _write_conflist(self, own_cidrs: list[str]) -> str:
        if not own_cidrs:
            return ""
        content = conflist.encode(conflist.conflist(own_cidrs, self._options.cni_bridge))
        try:
            if conflist.write_if_changed(self._options.cni_conf_dir, content):
                log.info("%s/%s written", self._options.cni_conf_dir, conflist.CONFLIST_NAME)
        except OSError as error:
            return f"{error.filename}: {error.strerror}"
        return ""


def list_pod_cidrs(node: Node) -> list[str]:
    return node.spec.pod_cidrs or ([node.spec.pod_cidr] if node.spec.pod_cidr else [])


def make_peer(node: Node) -> routes.Peer:
    internal = (entry.address for entry in node.status.addresses if entry.type == "InternalIP")
    return routes.Peer(node.metadata.name, tuple(list_pod_cidrs(node)), tuple(internal))


async def wait_for_changes(wake: asyncio.Event, *, every: float, settle: float) -> None:
    """Wait until `wake` is set and then `settle` seconds, at most `every` seconds. Clears `wake`."""
    try:
        async with asyncio.timeout(every):
            await wake.wait()
        await asyncio.sleep(settle)
    except TimeoutError:
        pass
    wake.clear()
