"""An operator of widgets, as users of kopf write one. It runs as `kopf run operator.py`.

Each widget gets a config map with its size. The last size of a deleted widget stays in the config map `removed`.
"""

# mypy: disable-error-code="untyped-decorator"
from __future__ import annotations

import logging
import os
from typing import Any

import kopf
from lightkube import Client
from lightkube.resources.core_v1 import ConfigMap

GROUP = os.environ["WIDGETS_GROUP"]
WIDGETS = (GROUP, "v1", "widgets")
client = Client()


@kopf.on.login()
def log_in(settings: kopf.OperatorSettings, **_: Any) -> kopf.ConnectionInfo | None:
    return kopf.login_with_kubeconfig(settings=settings)


@kopf.on.startup()
def configure(settings: kopf.OperatorSettings, **_: Any) -> None:
    settings.posting.level = logging.INFO
    settings.persistence.finalizer = f"{GROUP}/finalizer"
    settings.watching.server_timeout = 5


@kopf.on.create(*WIDGETS)
def create_config_map(spec: kopf.Spec, name: str, namespace: str, **_: Any) -> dict[str, str]:
    body = {"metadata": {"name": name, "namespace": namespace}, "data": {"size": str(spec["size"])}}
    kopf.adopt(body)
    client.create(ConfigMap.from_dict(body))
    return {"configMap": name}


@kopf.on.update(*WIDGETS, field="spec.size")
def update_config_map(
    old: int, new: int, name: str, namespace: str, body: kopf.Body, patch: kopf.Patch, **_: Any
) -> None:
    change = {"data": {"size": str(new), "before": str(old)}}
    client.patch(ConfigMap, name, change, namespace=namespace)
    patch.status["phase"] = "Changed"
    kopf.info(body, reason="Changed", message=f"size {old} is now {new}")


@kopf.on.delete(*WIDGETS)
def record_removal(spec: kopf.Spec, name: str, namespace: str, **_: Any) -> None:
    client.patch(ConfigMap, "removed", {"data": {name: str(spec["size"])}}, namespace=namespace)


@kopf.on.resume(*WIDGETS)
def count_resumption(status: kopf.Status, patch: kopf.Patch, **_: Any) -> None:
    patch.status["resumed"] = status.get("resumed", 0) + 1


@kopf.timer(*WIDGETS, interval=0.5)
def count_tick(status: kopf.Status, patch: kopf.Patch, **_: Any) -> None:
    patch.status["ticks"] = status.get("ticks", 0) + 1
