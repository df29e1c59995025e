"""Ranges of ClusterIPs: ready once seen, kept while addresses depend on them."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from kprov.kube.controller_manager import service_cidr
from kprov.kube.controller_manager.service_cidr import FINALIZER, ServiceCidrController

from .conftest import ApiServer

MANAGED = {"ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io"}


@pytest.fixture(autouse=True)
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_cidr, "GRACE_SECONDS", 0.0)


def cidr(name: str, *cidrs: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"cidrs": list(cidrs)}}


def ready(api: ApiServer, name: str) -> dict[str, Any]:
    status = api.objects["servicecidrs", "", name].get("status") or {}
    return next((dict(each) for each in status.get("conditions", []) if each["type"] == "Ready"), {})


def is_ready(api: ApiServer, name: str) -> bool:
    return bool(ready(api, name).get("status") == "True")


def is_there(api: ApiServer, name: str) -> bool:
    return ("servicecidrs", "", name) in api.objects


async def test_a_new_range_is_protected_and_ready(api: ApiServer, start: Any) -> None:
    await start("service-cidr-controller")
    await api.create("servicecidrs", cidr("a", "10.0.0.0/24"), "")
    await api.until(lambda: ready(api, "a").get("status") == "True")
    assert api.objects["servicecidrs", "", "a"]["metadata"]["finalizers"] == [FINALIZER]


async def test_a_used_range_stays_until_its_last_address_goes(api: ApiServer, start: Any) -> None:
    await start("service-cidr-controller")
    await api.create("servicecidrs", cidr("a", "10.0.0.0/24"), "")
    await api.create("ipaddresses", {"metadata": {"name": "10.0.0.9", "labels": MANAGED}}, "")
    await api.until(lambda: ready(api, "a").get("status") == "True")
    await api.delete(("servicecidrs", "", "a"))
    await api.until(lambda: ready(api, "a").get("reason") == "Terminating")
    await api.delete(("ipaddresses", "", "10.0.0.9"))
    await api.until(lambda: not is_there(api, "a"))


async def test_a_range_within_a_larger_one_goes_with_its_addresses_in_use(api: ApiServer, start: Any) -> None:
    await start("service-cidr-controller")
    for name, text in (("small", "10.0.0.0/24"), ("large", "10.0.0.0/16")):
        await api.create("servicecidrs", cidr(name, text), "")
        await api.until(partial(is_ready, api, name))
    await api.create("ipaddresses", {"metadata": {"name": "10.0.0.9", "labels": MANAGED}}, "")
    await api.delete(("servicecidrs", "", "small"))
    await api.until(lambda: not is_there(api, "small"))
    assert is_there(api, "large")


def test_its_name_is_upstreams() -> None:
    assert ServiceCidrController.name == "service-cidr-controller"
