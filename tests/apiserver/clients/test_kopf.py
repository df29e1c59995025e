"""An operator that is written with kopf (kopf_operator/operator.py), as a process against this server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.apiserver.clients.kubectl import Kubectl
from tests.apiserver.clients.widgets import define, make_widget, new_group
from tests.apiserver.conformance.calls import eventually, merge, ok
from tests.apiserver.conformance.definitions import DEFINITIONS
from tests.apiserver.controllers import kubeconfig
from tests.apiserver.servers import WITH_US, ApiServer

_OPERATOR = Path(__file__).with_name("kopf_operator") / "operator.py"


class Operator:
    """The operator of one namespace and one group."""

    def __init__(self, server: ApiServer, namespace: str, group: str) -> None:
        self._log = server.folder / f"{namespace}-operator.log"
        self._command = [
            *WITH_US, sys.executable, "-m", "kopf", "run", "--standalone", f"--namespace={namespace}", str(_OPERATOR),
        ]  # fmt: skip
        self._environment = {"KUBECONFIG": str(kubeconfig(server)), "WIDGETS_GROUP": group}
        self._process = self._start()

    def restart(self) -> None:
        self._process = self._start()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(20)

    def stop(self) -> int:
        self._process.terminate()
        return self._process.wait(20)

    def log(self) -> str:
        return self._log.read_text()

    def _start(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(self._command, stdout=log, stderr=log, env=os.environ | self._environment)


class Widgets:
    """Widgets of a group and a namespace, with what their operator wrote."""

    def __init__(self, server: ApiServer, namespace: str) -> None:
        self.server = server
        self.namespace = namespace
        self.group = new_group()
        self._maps = f"/api/v1/namespaces/{namespace}/configmaps"

    def path(self, name: str = "") -> str:
        return f"/apis/{self.group}/v1/namespaces/{self.namespace}/widgets" + (f"/{name}" if name else "")

    def create(self, name: str, **spec: Any) -> None:
        ok(self.server, "POST", self.path(), make_widget(self.group, name, **spec))

    def status(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = ok(self.server, "GET", self.path(name)).get("status", {})
        return found

    def is_created(self, name: str) -> bool:
        """Return whether the operator has handled the creation."""
        return "create_config_map" in self.status(name)

    def is_gone(self, name: str) -> bool:
        return self.server.get(self.path(name)).status == 404

    def data(self, name: str) -> dict[str, str]:
        """Return the data of a config map; empty if there is none."""
        found: dict[str, str] = self.server.get(f"{self._maps}/{name}").json.get("data", {})
        return found

    def has_event(self, message: str) -> bool:
        events = ok(self.server, "GET", f"/api/v1/namespaces/{self.namespace}/events")["items"]
        return any(event["message"] == message for event in events)


@pytest.fixture
def widgets(kubectl: Kubectl) -> Iterator[Widgets]:
    """No kind yet."""
    found = Widgets(kubectl.server, kubectl.namespace)
    removed = {"metadata": {"name": "removed"}}
    ok(found.server, "POST", f"/api/v1/namespaces/{found.namespace}/configmaps", removed)
    yield found
    ok(found.server, "DELETE", f"{DEFINITIONS}/widgets.{found.group}")


@pytest.fixture
def operator(widgets: Widgets) -> Iterator[Operator]:
    found = Operator(widgets.server, widgets.namespace, widgets.group)
    yield found
    assert found.stop() == 0
    assert "Traceback" not in found.log(), found.log()


def test_an_operator_that_starts_before_its_kind_is_defined(widgets: Widgets, operator: Operator) -> None:
    eventually(lambda: "Unresolved resources cannot be served" in operator.log())
    ok(widgets.server, "POST", DEFINITIONS, define(widgets.group))
    eventually(lambda: not widgets.is_gone(""))
    widgets.create("one")
    eventually(lambda: widgets.status("one").get("create_config_map") == {"configMap": "one"})
    assert widgets.data("one") == {"size": "3"}
    merge(widgets.server, widgets.path("one"), {"spec": {"size": 4}})
    eventually(lambda: widgets.data("one") == {"size": "4", "before": "3"})
    eventually(lambda: widgets.status("one").get("phase") == "Changed")
    eventually(lambda: widgets.has_event("size 3 is now 4"))
    ticks = widgets.status("one").get("ticks", 0)
    eventually(lambda: widgets.status("one")["ticks"] > ticks + 1)
    ok(widgets.server, "DELETE", widgets.path("one"))
    eventually(lambda: widgets.is_gone("one"))
    assert widgets.data("removed") == {"one": "4"}
    # The garbage collector removes what the widget owned.
    eventually(lambda: widgets.data("one") == {})


def test_an_operator_makes_up_for_what_it_missed(widgets: Widgets, operator: Operator) -> None:
    ok(widgets.server, "POST", DEFINITIONS, define(widgets.group))
    eventually(lambda: not widgets.is_gone(""))
    for name in ("changed", "deleted"):
        widgets.create(name)
    for name in ("changed", "deleted"):
        eventually(partial(widgets.is_created, name))
    operator.kill()
    merge(widgets.server, widgets.path("changed"), {"spec": {"size": 5}})
    ok(widgets.server, "DELETE", widgets.path("deleted"))
    widgets.create("created", size=7)
    assert not widgets.is_gone("deleted")
    operator.restart()
    eventually(lambda: widgets.data("changed") == {"size": "5", "before": "3"})
    eventually(lambda: widgets.is_gone("deleted"))
    assert widgets.data("removed") == {"deleted": "3"}
    eventually(lambda: widgets.data("created") == {"size": "7"})
    eventually(lambda: widgets.status("changed").get("resumed") == 1)
    for name in ("changed", "created"):
        ok(widgets.server, "DELETE", widgets.path(name))
        eventually(partial(widgets.is_gone, name))
