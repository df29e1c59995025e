"""Many writers through several API servers at once: what one has written, no other undoes unseen."""

from __future__ import annotations

import itertools
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.apiserver.servers import Answer, ApiServer

WRITERS = 9
ROUNDS = 6
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"


def path(namespace: str, plural: str = "configmaps", name: str = "") -> str:
    return f"/api/v1/namespaces/{namespace}/{plural}" + (f"/{name}" if name else "")


def made(server: ApiServer, namespace: str, name: str, **more: Any) -> str:
    """A new config map's path."""
    answer = server.post(path(namespace), {"metadata": {"name": name}, **more})
    assert answer.status == 201, answer.body
    return path(namespace, name=name)


def together(servers: list[ApiServer], work: Any, writers: int = WRITERS) -> list[Any]:
    """work(server, number of the writer) by all writers at once, each through one of the servers."""
    with ThreadPoolExecutor(writers) as pool:
        calls = [pool.submit(work, servers[each % len(servers)], each) for each in range(writers)]
        return [call.result() for call in calls]


def retried(server: ApiServer, item: str, change: Any, plural: str = "") -> int:
    """Read, change and PUT until no one else wrote in between; the number of conflicts."""
    for conflicts in itertools.count():
        obj = server.get(item).json
        change(obj)
        answer = server.ask("PUT", item + plural, obj)
        if answer.status == 200:
            return conflicts
        assert (answer.status, answer.json["reason"]) == (409, "Conflict"), answer.body
    raise AssertionError


def test_counters_lose_no_step(servers: list[ApiServer], namespace: str) -> None:
    item = made(servers[0], namespace, "counter", data={"count": "0"})

    def step(obj: dict[str, Any]) -> None:
        obj["data"]["count"] = str(int(obj["data"]["count"]) + 1)

    conflicts = together(servers, lambda server, _: sum(retried(server, item, step) for _ in range(ROUNDS)))
    assert servers[0].get(item).json["data"]["count"] == str(WRITERS * ROUNDS)
    assert sum(conflicts) > 0


def test_each_version_is_given_once(servers: list[ApiServer], namespace: str) -> None:
    """PUT without a version: the last one wins, and each is a write of its own."""
    item = made(servers[0], namespace, "last")

    def write(server: ApiServer, number: int) -> list[str]:
        answers = [
            server.ask("PUT", item, {"metadata": {"name": "last"}, "data": {"by": f"{number}-{turn}"}})
            for turn in range(ROUNDS)
        ]
        assert {answer.status for answer in answers} == {200}
        return [answer.json["metadata"]["resourceVersion"] for answer in answers]

    versions = Counter(version for each in together(servers, write) for version in each)
    assert max(versions.values()) == 1
    newest = max(versions, key=int)
    assert servers[1].get(item).json["metadata"]["resourceVersion"] == newest


def test_patches_without_a_version_keep_each_others_fields(servers: list[ApiServer], namespace: str) -> None:
    item = made(servers[0], namespace, "fields", data={"first": "0"})
    kinds = (MERGE, STRATEGIC, JSON_PATCH)

    def write(server: ApiServer, number: int) -> None:
        kind = kinds[number // len(servers) % len(kinds)]
        for turn in range(ROUNDS):
            key, value = f"w{number}-{turn}", str(turn)
            change: Any = {"data": {key: value}}
            if kind == JSON_PATCH:
                change = [{"op": "add", "path": f"/data/{key}", "value": value}]
            answer = server.ask("PATCH", item, change, content_type=kind)
            assert answer.status == 200, answer.body
            assert answer.json["data"][key] == value

    together(servers, write)
    wanted = {f"w{number}-{turn}" for number in range(WRITERS) for turn in range(ROUNDS)}
    assert set(servers[0].get(item).json["data"]) == wanted | {"first"}


def test_lists_that_merge_by_key_keep_each_others_items(servers: list[ApiServer], namespace: str) -> None:
    made_so = servers[0].post(
        path(namespace, "services"),
        {"metadata": {"name": "ports"}, "spec": {"ports": [{"name": "p0", "port": 1}]}},
    )
    assert made_so.status == 201, made_so.body
    item = path(namespace, "services", "ports")

    def write(server: ApiServer, number: int) -> None:
        change = {"spec": {"ports": [{"name": f"w{number}", "port": 100 + number}]}}
        answer = server.ask("PATCH", item, change, content_type=STRATEGIC)
        assert answer.status == 200, answer.body

    together(servers, write)
    ports = {port["port"] for port in servers[0].get(item).json["spec"]["ports"]}
    assert ports == {1} | {100 + number for number in range(WRITERS)}


def test_the_status_and_the_rest_are_written_by_two_sides(servers: list[ApiServer], namespace: str) -> None:
    """Status and labels, each by optimistic locking or patch: neither undoes the other."""
    pod = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    assert servers[0].post(path(namespace, "pods"), pod).status == 201
    item = path(namespace, "pods", "p")

    def write(server: ApiServer, number: int) -> None:
        for turn in range(ROUNDS):
            if number % 2:
                change: Any = {"metadata": {"labels": {f"w{number}-{turn}": "x"}}}
                answer = server.ask("PATCH", item, change, content_type=MERGE)
            else:
                condition = {"type": f"w{number}-{turn}", "status": "True"}
                change = {"status": {"conditions": [condition]}}
                answer = server.ask("PATCH", f"{item}/status", change, content_type=STRATEGIC)
            assert answer.status == 200, answer.body

    together(servers, write)
    found = servers[2].get(item).json
    told = {condition["type"] for condition in found["status"]["conditions"]} | set(
        found["metadata"]["labels"]
    )
    assert told == {f"w{number}-{turn}" for number in range(WRITERS) for turn in range(ROUNDS)}


def test_one_of_many_creators_wins_and_one_of_many_deleters(servers: list[ApiServer], namespace: str) -> None:
    for turn in range(ROUNDS):
        obj = {"metadata": {"name": f"one-{turn}"}}
        created = Counter(
            together(servers, lambda server, _, obj=obj: server.post(path(namespace), obj).status)
        )
        assert created == {201: 1, 409: WRITERS - 1}
        item = path(namespace, name=f"one-{turn}")
        deleted = Counter(together(servers, lambda server, _, item=item: server.ask("DELETE", item).status))
        assert deleted == {200: 1, 404: WRITERS - 1}


def test_a_delete_with_a_precondition_never_takes_a_later_object(
    servers: list[ApiServer], namespace: str
) -> None:
    """What is deleted by its version has not been written since."""
    item = made(servers[0], namespace, "guarded", data={"count": "0"})

    def write(server: ApiServer, number: int) -> list[Answer]:
        seen = server.get(item)
        if seen.status == 404:
            return []
        if number % 3:
            change = {"data": {f"w{number}": "x"}}
            return [server.ask("PATCH", item, change, content_type=MERGE)]
        version = seen.json["metadata"]["resourceVersion"]
        return [server.ask("DELETE", item, {"preconditions": {"resourceVersion": version}})]

    answers = [answer for each in together(servers, write) for answer in each]
    assert {answer.status for answer in answers} <= {200, 404, 409}
    gone = [answer for answer in answers if answer.json.get("kind") == "Status" and answer.status == 200]
    assert len(gone) <= 1
    assert servers[1].get(item).status == (404 if gone else 200)


def test_generated_names_are_all_different(servers: list[ApiServer], namespace: str) -> None:
    def write(server: ApiServer, _: int) -> list[str]:
        answers = [server.post(path(namespace), {"metadata": {"generateName": "g-"}}) for _ in range(10)]
        assert {answer.status for answer in answers} == {201}
        return [answer.json["metadata"]["name"] for answer in answers]

    names = [name for each in together(servers, write) for name in each]
    assert len(set(names)) == len(names) == WRITERS * 10
    listed = {obj["metadata"]["name"] for obj in servers[0].get(path(namespace)).json["items"]}
    assert set(names) <= listed


def test_appliers_keep_what_is_theirs(servers: list[ApiServer], namespace: str) -> None:
    """Each manager applies its own keys again and again, dropping the ones of its round before."""
    item = path(namespace, name="applied")

    def write(server: ApiServer, number: int) -> None:
        for turn in range(ROUNDS):
            data = {f"w{number}": str(turn), f"w{number}-{turn}": "x"}
            body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "applied"}, "data": data}
            answer = server.ask("PATCH", f"{item}?fieldManager=m{number}", body, content_type=APPLY)
            assert answer.status in {200, 201}, answer.body
            assert answer.json["data"].items() >= data.items()

    together(servers, write)
    found = servers[0].get(item).json
    last = ROUNDS - 1
    wanted = {f"w{number}": str(last) for number in range(WRITERS)}
    assert found["data"] == wanted | {f"w{number}-{last}": "x" for number in range(WRITERS)}
    managers = Counter(entry["manager"] for entry in found["metadata"]["managedFields"])
    assert managers == {f"m{number}": 1 for number in range(WRITERS)}


def test_a_field_that_two_managers_apply_is_the_first_ones_until_forced(
    servers: list[ApiServer], namespace: str
) -> None:
    item = path(namespace, name="contested")

    def write(server: ApiServer, number: int) -> int:
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "contested"},
            "data": {"shared": str(number), f"own{number}": "x"},
        }
        return server.ask("PATCH", f"{item}?fieldManager=m{number}", body, content_type=APPLY).status

    statuses = Counter(together(servers, write))
    assert statuses == {201: 1, 409: WRITERS - 1}
    forced = together(
        servers,
        lambda server, number: server.ask(
            "PATCH",
            f"{item}?fieldManager=m{number}&force=true",
            {"apiVersion": "v1", "kind": "ConfigMap", "data": {"shared": str(number)}},
            content_type=APPLY,
        ),
    )
    assert {answer.status for answer in forced} == {200}
    found = servers[0].get(item).json
    owners = [
        entry["manager"]
        for entry in found["metadata"]["managedFields"]
        if "f:shared" in entry["fieldsV1"].get("f:data", {})
    ]
    assert owners == [f"m{found['data']['shared']}"]
