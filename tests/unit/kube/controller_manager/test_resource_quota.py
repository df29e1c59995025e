"""The quota controller: what is there is counted, what has gone is given back."""

from __future__ import annotations

from typing import Any

from tests.builders.pods import build_pod

from .conftest import ApiServer

HARD = {"pods": "5", "configmaps": "2", "requests.cpu": "1"}


def status(api: ApiServer) -> Any:
    return api.get("resourcequotas", "q").get("status") or {}


async def test_a_new_quota_learns_what_is_there(api: ApiServer, start: Any) -> None:
    await api.create("pods", build_pod("a", cpu="100m"))
    await api.create("configmaps", {"metadata": {"name": "a"}})
    await start("resourcequota-controller")
    await api.create("resourcequotas", {"metadata": {"name": "q"}, "spec": {"hard": HARD}})
    await api.until(lambda: status(api).get("hard") == HARD)
    assert status(api)["used"] == {"pods": "1", "configmaps": "1", "requests.cpu": "100m"}


async def test_what_ends_or_goes_is_given_back(api: ApiServer, start: Any) -> None:
    for name in ("a", "b"):
        await api.create("pods", build_pod(name, cpu="100m"))
    await start("resourcequota-controller")
    await api.create("resourcequotas", {"metadata": {"name": "q"}, "spec": {"hard": HARD}})
    await api.until(lambda: status(api).get("used", {}).get("pods") == "2")
    await api.delete(("pods", "default", "a"))
    await api.until(lambda: status(api)["used"]["requests.cpu"] == "100m")
    await api.change("pods", "b", {"status": {"phase": "Succeeded"}})
    await api.until(lambda: status(api)["used"] == {"pods": "0", "configmaps": "0", "requests.cpu": "0"})


async def test_changed_limits_appear_in_the_status_immediately(api: ApiServer, start: Any) -> None:
    await start("resourcequota-controller")
    await api.create("resourcequotas", {"metadata": {"name": "q"}, "spec": {"hard": HARD}})
    await api.until(lambda: status(api).get("hard") == HARD)
    await api.change("resourcequotas", "q", {"spec": {"hard": {"pods": "9"}}})
    await api.until(lambda: status(api)["hard"]["pods"] == "9")


async def test_a_charge_that_another_made_meanwhile_is_not_taken_back_at_once(
    api: ApiServer, start: Any
) -> None:
    """Admission has charged a pod that is not stored yet, while another one goes."""
    await api.create("pods", build_pod("a", cpu="100m"))
    await start("resourcequota-controller")
    await api.create("resourcequotas", {"metadata": {"name": "q"}, "spec": {"hard": HARD}})
    await api.until(lambda: status(api).get("used", {}).get("pods") == "1")
    await api.change("resourcequotas", "q", {"status": {"used": {"pods": "2"}}})
    await api.delete(("pods", "default", "a"))
    await api.create("pods", build_pod("b", cpu="100m"))
    await api.until(lambda: status(api)["used"]["pods"] == "1")
    assert len(api.list("pods")) == 1


async def test_a_quota_counts_itself(api: ApiServer, start: Any) -> None:
    """Of two watches of quotas one would always be the later."""
    api.silent = lambda request: "PartialObjectMetadata" in request.headers.get("Accept", "")
    await start("resourcequota-controller")
    await api.create("resourcequotas", {"metadata": {"name": "p"}, "spec": {"hard": {"resourcequotas": "5"}}})
    await api.until(lambda: api.get("resourcequotas", "p").get("status"))
    await api.create("resourcequotas", {"metadata": {"name": "q"}, "spec": {"hard": {"resourcequotas": "5"}}})
    await api.until(lambda: status(api))
    assert status(api)["used"] == {"resourcequotas": "2"}


async def test_objects_that_nobody_charged_are_counted_when_their_watch_is_late(
    api: ApiServer, start: Any
) -> None:
    """Admission charges a quota whose status has limits. What was created before may not be known at that moment."""
    hard = {"configmaps": "5"}
    await start("resourcequota-controller")
    await api.create("resourcequotas", {"metadata": {"name": "p"}, "spec": {"hard": hard}})
    await api.until(lambda: api.get("resourcequotas", "p").get("status"))
    api.lagging = {"configmaps"}
    await api.create("configmaps", {"metadata": {"name": "a"}})
    await api.create("resourcequotas", {"metadata": {"name": "q"}, "spec": {"hard": hard}})
    await api.until(lambda: status(api))
    await api.catch_up()
    await api.until(lambda: status(api)["used"] == {"configmaps": "1"})
