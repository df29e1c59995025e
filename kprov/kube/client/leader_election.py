"""Leader election by a Lease (client-go's leaderelection).

The clocks of the hosts need not agree: a candidate measures on its own clock how long the lease is unchanged.
"""

import asyncio
import logging
import random
import socket
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import orjson

from kprov.kube.client.errors import ApiError, ClientError
from kprov.kube.client.rest import RestClient
from kprov.kube.component_base.run import FatalError
from kprov.kube.component_base.tasks import start_task

log = logging.getLogger(__name__)

_JITTER = 1.2
# How long cancelled work may take to end.
_CANCEL_SECONDS = 5.0


class LeadershipLost(FatalError):  # noqa: N818  client-go's word
    """The lease was not renewed in time. The process must exit: another one may lead already."""


def default_identity() -> str:
    """host_uuid, as upstream's components name themselves."""
    return f"{socket.gethostname()}_{uuid.uuid4()}"


class LeaderElector:
    """Durations in seconds. `on_started()` runs while this process leads, and is cancelled after that."""

    def __init__(
        self,
        client: RestClient,
        *,
        lease: str,
        namespace: str = "kube-system",
        identity: str = "",
        on_started: Callable[[], Awaitable[None]],
        on_stopped: Callable[[], None] | None = None,
        on_new_leader: Callable[[str], None] | None = None,
        lease_duration: float = 15.0,
        renew_deadline: float = 10.0,
        retry_period: float = 2.0,
        release_on_cancel: bool = True,
    ) -> None:
        if not lease_duration > renew_deadline > retry_period * _JITTER:
            raise ValueError("leader election wants lease duration > renew deadline > 1.2 * retry period")
        self._client = client
        self._name = lease
        self._path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self._meta = {"name": lease, "namespace": namespace}
        self.identity = identity or default_identity()
        self._on_started = on_started
        self._on_stopped = on_stopped
        self._on_new_leader = on_new_leader
        self._lease_duration = lease_duration
        self._renew_deadline = renew_deadline
        self._retry_period = retry_period
        self._release_on_cancel = release_on_cancel
        self._observed: dict[str, Any] | None = None
        self._observed_at = 0.0
        self._held_until = 0.0
        self._reported = ""
        # Imported here: not every client has metrics.
        from kprov.kube.client.leader_metrics import MASTER_STATUS

        self._status = MASTER_STATUS.labels(lease)
        self._status.set(0)

    @property
    def leader(self) -> str:
        """Identity of the last observed holder. "" for none."""
        return str(((self._observed or {}).get("spec") or {}).get("holderIdentity") or "")

    @property
    def is_leader(self) -> bool:
        return self.leader == self.identity

    def get_seconds_left(self) -> float:
        """For how long this process is the leader even if it renews no more. Negative: another one may lead.

        It counts from before the last renewal was sent, other candidates count from when they see it.
        """
        return self._held_until - time.monotonic()

    def check_health(self) -> str | None:
        """Return a health check. It fails if this process leads with a lease that expired over 20 s ago."""
        overdue = time.monotonic() - self._observed_at - self._lease_duration
        return "failed election to renew leadership on lease" if self.is_leader and overdue > 20 else None

    async def run(self, stop: asyncio.Event) -> None:
        """Acquire the lease and lead until `stop` is set or `on_started` returns. LeadershipLost."""
        stopping = start_task(stop.wait(), "stop")
        acquiring = start_task(self._acquire(), "acquisition of the lease")
        work: asyncio.Task[None] | None = None
        renewing: asyncio.Task[None] | None = None
        try:
            await asyncio.wait([stopping, acquiring], return_when=asyncio.FIRST_COMPLETED)
            if stopping.done():
                return
            acquiring.result()
            log.info("successfully acquired lease %s as %s", self._name, self.identity)
            self._status.set(1)
            work = start_task(_run(self._on_started), "work of the leader")
            renewing = start_task(self._renew(), "renewal of the lease")
            await asyncio.wait([stopping, work, renewing], return_when=asyncio.FIRST_COMPLETED)
            if renewing.done():
                renewing.result()
            if work.done():
                work.result()
        finally:
            self._status.set(0)
            for task in (acquiring, renewing, work, stopping):
                await _cancel(task)
            if self._on_stopped is not None:
                self._on_stopped()
            if self._release_on_cancel and self.is_leader:
                await self._release()

    async def _acquire(self) -> None:
        log.info("attempting to acquire leader lease %s", self._name)
        while not await self._try_once():  # noqa: ASYNC110
            await asyncio.sleep(self._retry_period * (1 + random.random() * _JITTER))  # noqa: S311  spread

    async def _renew(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._renew_deadline):
                    while not await self._try_once():
                        if not self.is_leader:
                            # It expired while this process was suspended, or somebody has changed it.
                            log.error("leader election lost: %s holds lease %s", self.leader, self._name)
                            raise LeadershipLost(f"leader election lost: {self._name}")
                        await asyncio.sleep(self._retry_period)
            except TimeoutError:
                log.error("leader election lost: lease %s was not renewed in time", self._name)  # noqa: TRY400
                raise LeadershipLost(f"leader election lost: {self._name}") from None
            await asyncio.sleep(self._retry_period)

    async def _try_once(self) -> bool:
        try:
            return await self._acquire_or_renew()
        except ApiError as error:
            if not (error.is_conflict or error.is_already_exists):
                log.warning("lease %s: %s", self._name, error)
        except ClientError as error:
            log.warning("lease %s: %s", self._name, error)
        return False

    async def _acquire_or_renew(self) -> bool:
        if self.is_leader and self._observed is not None:
            # This process held the lease last: one write is enough. A conflict shows that it has changed.
            try:
                return await self._write(self._observed)
            except ApiError as error:
                if not (error.is_conflict or error.is_not_found):
                    raise
        try:
            current = orjson.loads(await self._request("GET", f"{self._path}/{self._name}"))
        except ApiError as error:
            if not error.is_not_found:
                raise
            return await self._write(None)
        self._observe(current)
        held = (current.get("spec") or {}).get("holderIdentity") or ""
        seconds = (current.get("spec") or {}).get("leaseDurationSeconds") or self._lease_duration
        if held not in {"", self.identity} and time.monotonic() < self._observed_at + seconds:
            return False
        return await self._write(current)

    async def _write(self, current: dict[str, Any] | None) -> bool:
        now = _micro_now()
        old = (current or {}).get("spec") or {}
        held = old.get("holderIdentity") == self.identity
        spec = {
            **old,
            "holderIdentity": self.identity,
            "leaseDurationSeconds": int(self._lease_duration),
            "acquireTime": old.get("acquireTime") if held and old.get("acquireTime") else now,
            "renewTime": now,
            "leaseTransitions": (old.get("leaseTransitions") or 0) + (0 if held or current is None else 1),
        }
        base = current or {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": self._meta}
        method, path = ("PUT", f"{self._path}/{self._name}") if current else ("POST", self._path)
        start = time.monotonic()
        self._observe(orjson.loads(await self._request(method, path, {**base, "spec": spec})))
        self._held_until = start + self._lease_duration
        return True

    async def _release(self) -> None:
        """Release the lease, so that the next leader does not wait until it expires."""
        if self._observed is None:
            return
        self._held_until = 0.0
        spec = {**self._observed["spec"], "holderIdentity": "", "leaseDurationSeconds": 1}
        spec["renewTime"] = spec["acquireTime"] = _micro_now()
        try:
            await self._request("PUT", f"{self._path}/{self._name}", {**self._observed, "spec": spec})
            self._observed = None
        except ClientError as error:
            log.warning("could not release lease %s: %s", self._name, error)

    async def _request(self, method: str, path: str, body: dict[str, Any] | None = None) -> bytes:
        # Leave time for a second attempt if a server does not respond.
        return await self._client.request(method, path, body=body, timeout=self._renew_deadline / 2)

    def _observe(self, lease: dict[str, Any]) -> None:
        if self._observed is None or self._observed.get("spec") != lease.get("spec"):
            self._observed_at = time.monotonic()
        self._observed = lease
        if self.leader != self._reported:
            self._reported = self.leader
            log.info("new leader elected: %s", self.leader or "none")
            if self._on_new_leader is not None:
                self._on_new_leader(self.leader)


async def _run(function: Callable[[], Awaitable[None]]) -> None:
    await function()


async def _cancel(task: asyncio.Task[Any] | None) -> None:
    if task is None:
        return
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=_CANCEL_SECONDS)
    if not done:
        # The process must exit, whatever the work is waiting for: another leader has begun.
        log.warning("%s did not end within %.0f s", task.get_name(), _CANCEL_SECONDS)
    elif not task.cancelled() and task.exception() is not None:
        log.debug("ended with %r", task.exception())


def _micro_now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
