"""Who may read what on the scheduler's own port, also of upstream's scheduler (KPROV_TEST_SCHEDULER)."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from tests.apiserver.conformance.calls import eventually
from tests.apiserver.controllers import kubeconfig
from tests.apiserver.schedulers import scheduler
from tests.apiserver.servers import free_port, running


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    found = free_port()
    with running(tmp_path_factory.mktemp("secure-port")) as (_, server):
        path = kubeconfig(server, name="reviews")
        flags = (
            f"--authentication-kubeconfig={path}",
            f"--authorization-kubeconfig={path}",
            "--authentication-tolerate-lookup-failure",
        )
        with scheduler(server, port=found, flags=flags):
            eventually(lambda: _get(found, "/healthz")[0] == 200, 60)
            yield found


def _get(port: int, path: str, token: str = "") -> tuple[int, str]:
    """Status code and body. (0, "") without an answer."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(f"https://127.0.0.1:{port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, context=context, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def _get_status(port: int, path: str, token: str = "") -> tuple[int, str, str]:
    """Code, reason and message of a refusal."""
    code, text = _get(port, path, token)
    status: dict[str, Any] = json.loads(text)
    assert (status["kind"], status["status"], status["code"]) == ("Status", "Failure", code)
    return code, status["reason"], status["message"]


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz"])
def test_everybody_may_ask_for_the_health(port: int, path: str) -> None:
    assert _get(port, path) == (200, "ok")


def test_a_user_with_the_right_reads_the_metrics(port: int) -> None:
    code, text = _get(port, "/metrics", "admin-token")
    assert code == 200
    assert "scheduler_pending_pods" in text


def test_others_read_no_metrics(port: int) -> None:
    text = 'forbidden: User "{}" cannot get path "/metrics"'
    assert _get_status(port, "/metrics") == (403, "Forbidden", text.format("system:anonymous"))
    assert _get_status(port, "/metrics", "bob-token") == (403, "Forbidden", text.format("bob"))


def test_a_wrong_token_is_no_user(port: int) -> None:
    assert _get_status(port, "/metrics", "wrong") == (401, "Unauthorized", "Unauthorized")
