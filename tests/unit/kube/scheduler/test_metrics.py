"""Metrics under upstream's names, as a scraper reads them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import pytest

from kprov.kube.component_base import metrics
from tests.builders.pods import build_pod
from tests.unit.kube.http_server import served
from tests.unit.kube.scheduler.scheduler_runner import BindingServer, create_node, run_scheduler

#: All metrics of upstream's scheduler that are stable or beta (1.36).
STABLE = """schedule_attempts_total scheduling_attempt_duration_seconds preemption_victims preemption_attempts_total
pending_pods goroutines pod_scheduling_sli_duration_seconds pod_scheduling_attempts
framework_extension_point_duration_seconds queue_incoming_pods_total permit_wait_duration_seconds
unschedulable_pods plugin_evaluation_total"""


class SlowServer(BindingServer):
    """Its bindings wait for `ready`."""

    def __init__(self) -> None:
        super().__init__()
        self.ready = asyncio.Event()

    async def handle_binding(self, name: str, node: str) -> None:
        await self.ready.wait()
        await super().handle_binding(name, node)


@pytest.fixture
async def server() -> AsyncIterator[SlowServer]:
    made = SlowServer()
    async with served(made.handle) as made.port:
        yield made


def read(name: str, **labels: str) -> float:
    """A sample, 0 if there is none."""
    shown = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
    text = metrics.render().decode()
    found = re.search(f"^scheduler_{re.escape(name)}{re.escape(f'{{{shown}}}')} (.*)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


async def test_bindings_and_plugins_are_counted(server: SlowServer) -> None:
    labels = {"plugin": "NodeName", "extension_point": "Filter", "profile": "default-scheduler"}
    before = read("plugin_evaluation_total", **labels)
    for name in ("a", "b"):
        await create_node(server, name)
    async with run_scheduler(server):
        await server.create("pods", build_pod("p", schedulerName="default-scheduler", status={}))
        await server.until(lambda: server.targets)
        assert read("goroutines", operation="binding") == 1
        assert read("plugin_evaluation_total", **labels) == before + 1
        server.ready.set()
        await server.until(lambda: server.get("pods", "p")["spec"].get("nodeName"))
    assert read("goroutines", operation="binding") == 0
    assert read("event_handling_duration_seconds_count", event="NodeAdd") >= 2
    assert read("inflight_events", event="PodPopped") == 0


def test_all_stable_metrics_of_upstream_exist() -> None:
    names = set(re.findall(r"^# TYPE scheduler_(\S+)", metrics.render().decode(), re.MULTILINE))
    assert set(STABLE.split()) <= names
