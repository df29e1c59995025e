"""Namespaces, config maps, secrets, service accounts, events, replication controllers, volumes."""

# ruff: noqa: RUF012  msgspec gives each object its own empty list

from typing import Any

import msgspec

from kprov.kube.api.core.containers import LocalObjectReference, ObjectReference
from kprov.kube.api.meta import Condition, Object, View


class NamespaceSpec(View):
    finalizers: list[str] = []


class NamespaceStatus(View):
    phase: str = ""
    conditions: list[Condition] = []


class Namespace(Object):
    spec: NamespaceSpec = msgspec.field(default_factory=NamespaceSpec)
    status: NamespaceStatus = msgspec.field(default_factory=NamespaceStatus)


class ConfigMap(Object):
    data: dict[str, str] = {}
    binary_data: dict[str, str] = {}
    immutable: bool | None = None


class Secret(Object):
    """Values are base64 text, as on the wire."""

    type: str = ""
    data: dict[str, str] = {}
    immutable: bool | None = None


class ServiceAccount(Object):
    secrets: list[ObjectReference] = []
    image_pull_secrets: list[LocalObjectReference] = []
    automount_service_account_token: bool | None = None


class EventSource(View):
    component: str = ""
    host: str = ""


class Event(Object):
    involved_object: ObjectReference = msgspec.field(default_factory=ObjectReference)
    reason: str = ""
    message: str = ""
    source: EventSource = msgspec.field(default_factory=EventSource)
    first_timestamp: str | None = None
    last_timestamp: str | None = None
    event_time: str | None = None
    count: int = 0
    type: str = ""
    action: str = ""
    reporting_component: str = ""
    reporting_instance: str = ""


class ReplicationControllerSpec(View):
    replicas: int | None = None
    min_ready_seconds: int = 0
    selector: dict[str, str] = {}


class ReplicationController(Object):
    spec: ReplicationControllerSpec = msgspec.field(default_factory=ReplicationControllerSpec)


class PersistentVolumeClaim(Object):
    spec: dict[str, Any] = {}
    status: dict[str, Any] = {}


class PersistentVolume(Object):
    spec: dict[str, Any] = {}
    status: dict[str, Any] = {}
