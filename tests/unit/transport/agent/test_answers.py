"""Answers of a hostile agent: each ends the connection to its host with a message, and nothing more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from kprov.errors import AnswerError
from kprov.transport.agent import answers
from kprov.transport.connections import Connections
from kprov.transport.options.host_options import Options
from tests.unit.hostile_host import HostileHost


@pytest.fixture
def host(tmp_path: Path) -> HostileHost:
    return HostileHost(tmp_path / "host")


@pytest.fixture
def connections(host: HostileHost) -> Iterator[Connections]:
    options = Options(name="h", address="localhost", local=True, python=str(host.interpreter))
    with Connections(lambda _: options, lambda _, __: None) as opened:
        yield opened


ANSWER = "def edit(module, header):\n    return {} if 'results' in header else header\n"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("{'results': 5}", "its results are 5, not a list"),
        ("{'results': [5]}", "a result is 5, not a mapping"),
        ("{'results': []}", "it has 0 results for 1 items"),
        ("{'results': [{}, {}]}", "it has 2 results for 1 items"),
        ("{'results': [{'ansible_facts': [1]}]}", "'ansible_facts' of a result is [1]"),
        ("{'results': [{'diff': 5}]}", "'diff' of a result is 5"),
        ("{'need': 5}", "'need' is 5, not a text"),
        ("{'need': 'f' * 64}", "it asks for a content that the task does not have"),
        ("{'waiting': ['x']}", "'waiting' is ['x'], not a text"),
        ("{'reboot': True}", "it is an unknown message with ['reboot']"),
        ("HEAD.pack(1 << 30, 0)", "it has 1073741824 bytes, 268435456 are allowed"),
        ("HEAD.pack(2, 1 << 40) + b'{}'", "it has a body of 1099511627776 bytes"),
        ("HEAD.pack(5, 0) + b'[1,2]'", "it is not a JSON object"),
        ("HEAD.pack(5, 0) + b'{\"a\":'", "it is not JSON"),
        ("HEAD.pack(5006, 0) + b'{\"a\":' + b'7' * 5000 + b'}'", "it is not JSON (Exceeds the limit"),
        (
            "HEAD.pack(240005, 0) + b'{\"a\":' + b'[' * 120000 + b']' * 120000",
            "nested deeper than 100 levels",
        ),
        ("HEAD.pack(306, 0) + b'{\"a\":' + b'[' * 150 + b']' * 150 + b'}'", "nested deeper than 100 levels"),
        (
            "HEAD.pack(10000008, 0) + b'{\"a\":[' + b'1,' * 5000000 + b'1]}'",
            "it has more than 5000000 values",
        ),
    ],
)
def test_a_malformed_answer_names_its_host_and_what_is_wrong(
    host: HostileHost, connections: Connections, answer: str, reason: str
) -> None:
    code = f"import struct\nHEAD = struct.Struct('>IQ')\n{ANSWER.format(answer)}"
    host.change_frames(code)
    with pytest.raises(AnswerError) as caught:
        connections.get("h").agent().run("ping", [{"args": {}}])
    assert caught.value.reason.startswith("the agent sent a malformed answer to ping: ")
    assert reason in caught.value.reason


def test_the_next_message_goes_to_a_new_agent(host: HostileHost, connections: Connections) -> None:
    host.change_frames(ANSWER.format("{'results': 5}"))
    agent = connections.get("h").agent()
    with pytest.raises(AnswerError):
        agent.run("ping", [{"args": {}}])
    host.send_honest_answers()
    assert agent.run("ping", [{"args": {}}]) == [{"changed": False, "ping": "pong"}]


@pytest.mark.parametrize(
    "hello", ["{}", "{**header, 'time': 'x'}", "{**header, 'time': 1e999}", "{**header, 'boot': 5}"]
)
def test_a_malformed_greeting_is_refused(host: HostileHost, connections: Connections, hello: str) -> None:
    host.change_frames(f"def edit(module, header):\n    return {hello} if 'hello' in header else header\n")
    with pytest.raises(AnswerError, match=r"malformed answer: its greeting|not JSON"):
        connections.get("h").agent()


def test_keys_of_the_operators_side_are_removed(host: HostileHost, connections: Connections) -> None:
    host.change_results(
        "result.update(_include_vars=True, _set=True, _about={'dest': '/etc'}, json={'_id': 1},\n"
        "              results=[{'_ansible_item_label': 'x', '_id': 2}, 'text'])"
    )
    (result,) = connections.get("h").agent().run("ping", [{"args": {}}])
    assert result == {
        "changed": False,
        "ping": "pong",
        "json": {"_id": 1},
        "results": [{"_id": 2}, "text"],
    }


def test_texts_can_be_encoded() -> None:
    header = answers.decode_header(json.dumps({"a": ["\ud800", "\udcff", "ä"]}).encode())
    assert header == {"a": ["?", "\udcff", "ä"]}


def test_a_line_without_an_end_is_refused(host: HostileHost, connections: Connections) -> None:
    host.interpreter.write_text("#!/bin/sh\nexec head -c 1100000 /dev/zero\n")
    with pytest.raises(Exception, match="the agent did not start"):
        connections.get("h").agent()


@pytest.mark.parametrize(
    ("module", "edit", "reason"),
    [
        ("setup", "result.pop('ansible_facts')", "a result has no 'ansible_facts'"),
        ("setup", "result['ansible_facts'] = None", "'ansible_facts' of a result is None"),
        ("command", "result['rc'] = '0'", "'rc' of a result is '0'"),
        ("command", "result['stdout'] = 5", "'stdout' of a result is 5"),
        ("slurp", "result['content'] = 5", "'content' of a result is 5"),
    ],
)
def test_the_keys_that_kprov_reads_have_their_types(
    host: HostileHost, connections: Connections, module: str, edit: str, reason: str
) -> None:
    host.change_results(edit)
    arguments = {"command": {"_raw_params": "true"}, "slurp": {"src": "/etc/hostname"}}.get(module, {})
    with pytest.raises(AnswerError) as caught:
        connections.get("h").agent().run(module, [{"args": arguments}])
    assert caught.value.reason.endswith(reason)
