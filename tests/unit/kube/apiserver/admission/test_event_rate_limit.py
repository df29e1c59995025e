"""EventRateLimit: which events share a limit, and how one that exceeds it is rejected."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from kprov.kube.apiserver import admission, authz
from kprov.kube.apiserver.admission.event_rate_limit import EventRateLimit
from kprov.kube.apiserver.interfaces import Attributes
from kprov.kube.apiserver.registry.registry import Registry
from kprov.kube.apiserver.request import RequestContext, RequestInfo, UserInfo
from kprov.kube.machinery.status import StatusError

KIND = {"apiVersion": "eventratelimit.admission.k8s.io/v1alpha1", "kind": "Configuration"}
INFO = RequestInfo(path="", verb="create", is_resource_request=True)


def make_event(pod: str = "p", component: str = "kubelet") -> dict[str, Any]:
    involved = {
        "kind": "Pod",
        "namespace": "default",
        "name": pod,
        "uid": f"uid-of-{pod}",
        "apiVersion": "v1",
    }
    return {"source": {"component": component, "host": "node1"}, "involvedObject": involved}


class Writer:
    """Writes events through a plugin with one or more limits, and returns the rejections."""

    def __init__(self, registry: Registry, *limits: dict[str, Any]) -> None:
        self._resource = registry.store("", "events").resource
        self._plugin = EventRateLimit()
        self._plugin.configure({**KIND, "limits": list(limits)})

    async def write(
        self, event: dict[str, Any] | None = None, *, namespace: str = "default", user: str = "alice",
        dry_run: bool = False,
    ) -> str:  # fmt: skip
        context = RequestContext(user=UserInfo(user), info=INFO, dry_run=dry_run)
        event = event if event is not None else make_event()
        attributes = Attributes(context, "CREATE", self._resource, "", namespace, "e", event, None, {})
        try:
            await self._plugin.validate(attributes)
        except StatusError as error:
            return error.message
        return ""


def limit(kind: str, burst: int = 1, **more: int) -> dict[str, Any]:
    return {"type": kind, "qps": 1, "burst": burst, **more}


async def test_events_beyond_the_burst_are_rejected_with_upstreams_text(registry: Registry) -> None:
    writer = Writer(registry, limit("Server", burst=2))
    assert [await writer.write() for _ in range(2)] == ["", ""]
    assert await writer.write(namespace="b", user="bob") == (
        "Too many requests: limit reached on type Server for key "
    )


@pytest.mark.parametrize(
    ("kind", "other", "key"),
    [
        ("Namespace", {"namespace": "other"}, "default"),
        ("User", {"user": "bob"}, "alice"),
        ("SourceAndObject", {"event": make_event("q")}, "kubeletnode1Poddefaultpuid-of-pv1"),
        (
            "SourceAndObject",
            {"event": make_event(component="scheduler")},
            "kubeletnode1Poddefaultpuid-of-pv1",
        ),
    ],
)
async def test_each_key_has_its_own_limit(
    registry: Registry, kind: str, other: dict[str, Any], key: str
) -> None:
    writer = Writer(registry, limit(kind))
    assert await writer.write() == ""
    assert await writer.write(**other) == ""
    assert await writer.write() == f"Too many requests: limit reached on type {kind} for key {key}"


async def test_the_fields_of_the_newer_group_are_the_same_key(registry: Registry) -> None:
    writer = Writer(registry, limit("SourceAndObject"))
    event = make_event()
    assert await writer.write(event) == ""
    newer = {"deprecatedSource": event["source"], "regarding": event["involvedObject"]}
    assert "limit reached on type SourceAndObject" in await writer.write(newer)


async def test_the_status_is_upstreams(registry: Registry) -> None:
    plugin = EventRateLimit()
    plugin.configure({**KIND, "limits": [limit("Server")]})
    context = RequestContext(user=UserInfo("alice"), info=INFO)
    resource = registry.store("", "events").resource
    attributes = Attributes(context, "CREATE", resource, "", "default", "e", make_event(), None, {})
    await plugin.validate(attributes)
    with pytest.raises(StatusError) as caught:
        await plugin.validate(attributes)
    assert caught.value.code == 429
    assert caught.value.status["reason"] == "TooManyRequests"
    assert "details" not in caught.value.status


async def test_all_limits_count_and_a_rejection_names_each(registry: Registry) -> None:
    writer = Writer(registry, limit("User"), limit("Namespace"))
    assert await writer.write() == ""
    assert await writer.write() == (
        "Too many requests: [limit reached on type User for key alice, "
        "limit reached on type Namespace for key default]"
    )


async def test_a_dry_run_does_not_count(registry: Registry) -> None:
    writer = Writer(registry, limit("Server"))
    assert [await writer.write(dry_run=True) for _ in range(3)] == ["", "", ""]
    assert await writer.write() == ""


async def test_the_key_that_was_used_least_recently_is_forgotten(registry: Registry) -> None:
    writer = Writer(registry, limit("User", cacheSize=2))
    assert await writer.write(user="a") == ""
    assert await writer.write(user="b") == ""
    assert await writer.write(user="a") != ""
    assert await writer.write(user="c") == ""
    assert await writer.write(user="b") == ""
    assert await writer.write(user="c") != ""


def test_the_plugin_does_not_start_without_limits(registry: Registry, tmp_path: Path) -> None:
    options = Namespace(
        authorization_mode=["RBAC"],
        enable_admission_plugins=["EventRateLimit"],
        disable_admission_plugins=[],
        admission_control_config_file="",
    )
    with pytest.raises(SystemExit, match="EventRateLimit: limits: Invalid value: null: must not be empty"):
        admission.build(options, registry, authz.build(options, registry))
    file = tmp_path / "admission.yaml"
    file.write_text(
        "{apiVersion: apiserver.config.k8s.io/v1, kind: AdmissionConfiguration, plugins: [{name: EventRateLimit, "
        "configuration: {apiVersion: eventratelimit.admission.k8s.io/v1alpha1, kind: Configuration, "
        "limits: [{type: Server, qps: 1, burst: 1}]}}]}"
    )
    options.admission_control_config_file = str(file)
    admission.build(options, registry, authz.build(options, registry))
