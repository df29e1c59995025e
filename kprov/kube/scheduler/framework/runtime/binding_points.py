"""Runs the plugins of a profile for a pod with a node: Reserve, Permit, PreBind, Bind, PostBind."""

from __future__ import annotations

import logging
import time
from dataclasses import replace

from kprov.kube.client.errors import ClientError
from kprov.kube.scheduler import metrics
from kprov.kube.scheduler.framework.plugin import CycleState, Plugin, PluginError, PodGoneError
from kprov.kube.scheduler.framework.status import SUCCESS, Code, Status
from kprov.kube.scheduler.framework.waiting_pods import MAX_WAIT_SECONDS

log = logging.getLogger(__name__)


def run_reserves(cycle: CycleState, node: str) -> Status:
    """Return the first answer that is no success. The caller runs `run_unreserves` then."""
    start = time.perf_counter()
    status = _run_reserves(cycle, node)
    _record(cycle, "Reserve", status.code, start)
    return status


def _run_reserves(cycle: CycleState, node: str) -> Status:
    for plugin in cycle.profile.reserves:
        try:
            status = plugin.reserve(cycle, node)
        except PluginError as error:
            return _fail("Reserve", plugin, error)
        if status is not None and not status.is_success:
            return _name_plugin("Reserve", plugin, status)
    return SUCCESS


def run_unreserves(cycle: CycleState, node: str) -> None:
    """Run Unreserve in the reverse order."""
    for plugin in reversed(cycle.profile.reserves):
        plugin.unreserve(cycle, node)


def run_permits(cycle: CycleState, node: str) -> tuple[Status, dict[str, float]]:
    """Return the answer. If it is WAIT, also return the longest wait in seconds by plugin."""
    if not cycle.profile.permits:
        return SUCCESS, {}
    start = time.perf_counter()
    status, seconds = _run_permits(cycle, node)
    _record(cycle, "Permit", status.code, start)
    return status, seconds


def _run_permits(cycle: CycleState, node: str) -> tuple[Status, dict[str, float]]:
    seconds: dict[str, float] = {}
    for plugin in cycle.profile.permits:
        try:
            status = plugin.permit(cycle, node)
        except PluginError as error:
            return _fail("Permit", plugin, error), {}
        if status is None or status.is_success:
            continue
        if status.code is not Code.WAIT:
            return _name_plugin("Permit", plugin, status), {}
        seconds[plugin.name] = min(status.seconds, MAX_WAIT_SECONDS)
    return (Status(Code.WAIT), seconds) if seconds else (SUCCESS, {})


def needs_pre_bind(cycle: CycleState, node: str) -> bool:
    """Whether a plugin has work for PreBind."""
    return any(plugin.needs_pre_bind(cycle, node) for plugin in cycle.profile.pre_binds)


async def run_pre_binds(cycle: CycleState, node: str) -> None:
    """Run PreBind. Raise what the plugins raise: PluginError, ClientError."""
    start, status = time.perf_counter(), Code.ERROR
    try:
        for plugin in cycle.profile.pre_binds:
            if plugin.needs_pre_bind(cycle, node):
                await plugin.pre_bind(cycle, node)
        status = Code.SUCCESS
    finally:
        _record(cycle, "PreBind", status, start)


async def undo_pre_binds(cycle: CycleState, node: str) -> None:
    """Undo PreBind in the reverse order."""
    for plugin in reversed(cycle.profile.pre_binds):
        await plugin.undo_pre_bind(cycle, node)


async def run_binds(cycle: CycleState, node: str) -> Status:
    """Return the answer of the first plugin that does not skip the pod. Raise PodGoneError."""
    start, code = time.perf_counter(), Code.ERROR
    try:
        status = await _run_binds(cycle, node)
        code = status.code
    finally:
        _record(cycle, "Bind", code, start)
    return status


async def _run_binds(cycle: CycleState, node: str) -> Status:
    for plugin in cycle.profile.binds:
        try:
            status = await plugin.bind(cycle, node)
        except PodGoneError:
            raise
        except (PluginError, ClientError) as error:
            return _fail("Bind", plugin, error)
        if status is None or status.is_success:
            return SUCCESS
        if status.code is not Code.SKIP:
            return _name_plugin("Bind", plugin, status)
    return Status(Code.ERROR, "no Bind plugin binds the pod: all of them skip it")


def run_post_binds(cycle: CycleState, node: str) -> None:
    """Run PostBind. The pod is bound whatever the plugins do: their exceptions are only logged."""
    for plugin in cycle.profile.post_binds:
        try:
            plugin.post_bind(cycle, node)
        except Exception:
            log.exception("PostBind plugin %s for pod %s", plugin.name, cycle.info.pod.key)


def _record(cycle: CycleState, point: str, code: Code, start: float) -> None:
    metrics.record_extension_point(point, code.value, cycle.profile.name, time.perf_counter() - start)


def _fail(point: str, plugin: Plugin, error: Exception) -> Status:
    return Status(Code.ERROR, f'running {point} plugin "{plugin.name}": {error}', plugin.name)


def _name_plugin(point: str, plugin: Plugin, status: Status) -> Status:
    """Add the plugin to a status. Rejections keep their text; for others the text names the plugin, too."""
    if status.is_rejected:
        return replace(status, plugin=plugin.name)
    return _fail(point, plugin, PluginError(status.message or f"unexpected status {status.code.value}"))
