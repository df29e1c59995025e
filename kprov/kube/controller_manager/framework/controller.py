"""The base class of controllers and the context that they share."""

import asyncio
import logging
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from kprov.kube.client import (
    EventRecorder,
    Informer,
    InformerFactory,
    ResourceClient,
    RestClient,
    WorkQueue,
    run_workers,
)

log = logging.getLogger(__name__)

Object = TypeVar("Object")


@dataclass(frozen=True)
class Context:
    """What a controller works with.

    client: requests with the controller's own identity. informers: shared by all controllers of the process.
    """

    client: RestClient
    informers: InformerFactory
    options: Namespace

    def make_recorder(self, component: str) -> EventRecorder:
        return EventRecorder(self.client, component=component)


class Controller:
    """Informers add keys to a queue, `sync(key)` reconciles the object. It is retried if it raises.

    name: in the log. queue_name: of the queue's metrics, if they have another name; "" for no metrics.
    concurrency: the option with the number of keys that are synced at once, instead of `workers`.
    """

    name: ClassVar[str]
    queue_name: ClassVar[str | None] = None
    workers: ClassVar[int] = 5
    concurrency: ClassVar[str] = ""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.client = context.client
        self.informers = context.informers
        self.queue: WorkQueue[str] = WorkQueue(self.get_queue_name())

    @classmethod
    def get_queue_name(cls) -> str:
        """Return the name of the queue in the workqueue_* metrics. "" for none."""
        return cls.name if cls.queue_name is None else cls.queue_name

    def resource_of(self, informer: Informer[Object]) -> ResourceClient[Object]:
        """Request for an informer's resource with the identity of the controller."""
        return informer.resource.with_client(self.client)

    async def sync(self, key: str) -> None:
        """Reconcile the object of that key ("namespace/name")."""
        raise NotImplementedError

    async def run(self) -> None:
        """Run until cancelled. The informers must have synced."""
        workers = getattr(self.context.options, self.concurrency) if self.concurrency else self.workers
        await run_workers(self.queue, self.sync, workers=workers, name=self.name)

    def enqueue(self, obj: Any) -> None:
        self.queue.add(obj.key)


async def run_periodically(seconds: float, work: Callable[[], Any], name: str) -> None:
    """Await `work()` every `seconds`. Logs a failure and goes on."""
    while True:
        try:
            await work()
        except Exception as error:
            log.warning("%s: %s: %s", name, type(error).__name__, error)
        await asyncio.sleep(seconds)
