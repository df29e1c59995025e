"""Writes the table: at first what differs from the kernel's, then what differs from the last one written."""

import asyncio
import ipaddress
import logging
import time

from kprov.kube.component_base import metrics
from kprov.kube.component_helpers.process import ProcessError
from kprov.kube.proxy import kernel
from kprov.kube.proxy.nftables import base_table, transactions
from kprov.kube.proxy.nftables.transactions import Tables, Transaction
from kprov.kube.proxy.state import State

log = logging.getLogger(__name__)

# Another program may change the table, so it is compared with the kernel's once an hour, as upstream.
_FULL_EVERY = 3600.0
# After so many failures in a row the kernel probably does not accept the change, so the table is replaced.
_REPLACE_AFTER_FAILURES = 2
_STALE_AFTER = 1.0

_SYNC = metrics.histogram(
    "kubeproxy_sync_proxy_rules_duration_seconds", "SyncProxyRules latency", ["ip_family"]
)
_FAILED = metrics.counter(
    "kubeproxy_sync_proxy_rules_nftables_sync_failures", "failed nftables syncs", ["ip_family"]
)
_LAST = metrics.gauge(
    "kubeproxy_sync_proxy_rules_last_timestamp_seconds", "time of the last sync", ["ip_family"]
)
_QUEUED = metrics.gauge(
    "kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds", "time a sync was last queued", ["ip_family"]
)


class Proxier:
    """One address family. `mark_changed` notes a change, `run` writes the changes.

    `node_ips` and `zone` come from this node's object. When they change, all services are computed again.
    """

    def __init__(
        self, state: State, *, node_port_addresses: list[str], sync_period: float, min_sync_period: float
    ) -> None:
        self._state = state
        self._family = state.settings.ip
        self._label = f"IPv{state.settings.family}"
        self._node_port_addresses = node_port_addresses
        self._sync_period = sync_period
        self._min_sync_period = min_sync_period
        self._dirty: set[str] = set()
        self._wake = asyncio.Event()
        self._written: Tables | None = None
        self._written_at = 0.0
        self._failures = 0
        self._stale_chains: dict[str, float] = {}
        self._stale_udp: set[str] = set()
        self.node_ips: tuple[str, ...] = ()
        self.zone = ""
        self.problem = "the rules have not been written yet"

    def mark_changed(self, key: str) -> None:
        """`key`: namespace/name of a service that changed or whose endpoints changed."""
        self._dirty.add(key)
        if not self._wake.is_set():
            _QUEUED.labels(ip_family=self._label).set_to_current_time()
        self._wake.set()

    def set_node(self, node_ips: tuple[str, ...], zone: str) -> None:
        if (node_ips, zone) != (self.node_ips, self.zone):
            self.node_ips, self.zone = node_ips, zone
            self._dirty |= self._state.services.keys()
            self._wake.set()

    async def run(self) -> None:
        """Sync until cancelled. After a failure it tries again on the next change or after sync_period."""
        self._wake.set()
        while True:
            try:
                async with asyncio.timeout(self._get_wait_seconds()):
                    await self._wake.wait()
            except TimeoutError:
                await self.check_kernel_table()
            self._wake.clear()
            started = time.monotonic()
            try:
                await self.sync()
                self.problem = ""
                self._failures = 0
            except ProcessError as error:
                self.problem = str(error)
                self._failures += 1
                self._written = None
                self._stale_chains.clear()
                _FAILED.labels(ip_family=self._label).inc()
                log.exception("writing the rules failed, trying again in %.0f s", self._sync_period)
            _SYNC.labels(ip_family=self._label).observe(time.monotonic() - started)
            # Changes often come together. Those that come within this time are written together.
            await asyncio.sleep(self._min_sync_period)

    def _get_wait_seconds(self) -> float:
        return min(self._sync_period, _STALE_AFTER) if self._stale_chains else self._sync_period

    async def check_kernel_table(self) -> None:
        """Make the next sync compare with the kernel's table if that was deleted or an hour has passed."""
        if self._written is None:
            return
        too_old = time.monotonic() - self._written_at > _FULL_EVERY
        if too_old or not await kernel.table_exists(self._family):
            log.info("comparing table %s %s with the kernel's", self._family, transactions.TABLE)
            self._written = None
            self._stale_chains.clear()

    async def sync(self) -> None:
        """Write what differs. Raises ProcessError."""
        dirty, self._dirty = self._dirty, set()
        self._stale_udp |= self._state.update(dirty, self.node_ips, self.zone)
        desired = self._state.desired(await self._list_node_port_addresses())
        now = time.monotonic()
        if self._written is None:
            transaction = await self._make_full_transaction(desired)
            self._written_at = now
        else:
            transaction = transactions.render_difference(self._family, self._written, desired)
        await self._delete_stale_chains(desired, now)
        if transaction.text:
            await kernel.run_transaction(transaction.text)
            log.debug("nftables: %d bytes for %d changed services", len(transaction.text), len(dirty))
        self._written = desired
        self._stale_chains |= dict.fromkeys(transaction.stale_chains, now)
        _LAST.labels(ip_family=self._label).set_to_current_time()
        stale_udp, self._stale_udp = self._stale_udp, set()
        try:
            await kernel.delete_udp_entries(stale_udp, self._state.settings.family)
        except ProcessError as error:
            log.warning("deleting conntrack entries of UDP: %s", error)

    async def _make_full_transaction(self, desired: Tables) -> Transaction:
        """Return the transaction from the kernel's table, so that affinity sets keep their clients."""
        settings = self._state.settings
        layout, text = base_table.make_layout(settings), base_table.render_base_table(settings)
        present = await kernel.read_table(self._family, layout.containers)
        if present is None:
            return transactions.render_replacement(self._family, text, desired)
        if self._failures >= _REPLACE_AFTER_FAILURES or not present.is_compatible_with(layout):
            log.warning("replacing table %s %s, session affinity is lost", self._family, transactions.TABLE)
            return transactions.render_replacement(self._family, text, desired)
        return transactions.render_takeover(self._family, text, layout, present, desired)

    async def _delete_stale_chains(self, desired: Tables, now: float) -> None:
        ripe = {name for name, since in self._stale_chains.items() if now - since >= _STALE_AFTER}
        for name in ripe | (self._stale_chains.keys() & desired.chains.keys()):
            del self._stale_chains[name]
        ripe -= desired.chains.keys()
        if ripe:
            await kernel.run_transaction(transactions.render_chain_deletion(self._family, ripe))

    async def _list_node_port_addresses(self) -> list[str]:
        """Addresses of this node that accept node ports. "primary" stands for those of the Node object."""
        if self._state.settings.all_node_addresses:
            return []
        wanted = self._node_port_addresses or ["primary"]
        addresses = set(self.node_ips) if "primary" in wanted else set()
        networks = [ipaddress.ip_network(cidr) for cidr in wanted if cidr != "primary"]
        if networks:
            for text in await kernel.list_local_addresses():
                address = ipaddress.ip_address(text)
                if address.version == self._state.settings.family and any(address in net for net in networks):
                    addresses.add(text)
        return sorted(addresses)
