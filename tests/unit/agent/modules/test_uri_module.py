"""uri: requests to a server of this machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., dict[str, Any]]
#: conftest's Web.
Web = Any


def test_json_comes_back_as_data(do: Run, web: Web) -> None:
    body = {"a": [1, None]}
    result = do(
        "uri", url=f"{web.url}/echo", method="post", body_format="json", body=body, headers={"X-Try": 1}
    )
    assert (result["status"], result["changed"], result["redirected"]) == (200, False, False)
    assert json.loads(result["json"]["body"]) == body
    assert result["json"]["headers"]["content-type"] == "application/json"
    assert result["json"]["headers"]["x-try"] == "1"
    assert result["content_type"] == "application/json; charset=utf-8"
    assert "content" not in result


def test_a_form_is_urlencoded(do: Run, web: Web) -> None:
    body = {"a": "x y", "b": [1, 2], "c": None}
    result = do("uri", url=f"{web.url}/echo", method="POST", body_format="form-urlencoded", body=body)
    assert result["json"]["body"] == "a=x+y&b=1&b=2"


def test_a_form_has_parts(do: Run, web: Web, tmp_path: Path) -> None:
    (tmp_path / "f.txt").write_text("file")
    sha = hashlib.sha256(b"sent").hexdigest()
    body = {"t": "text", "f": {"filename": str(tmp_path / "f.txt")}, "s": {"filename": "s.bin"}}
    result = do(
        "uri",
        blobs={sha: b"sent"},
        url=f"{web.url}/echo",
        method="POST",
        body_format="form-multipart",
        body=body,
        _files={"s": sha},
    )
    sent = result["json"]["body"]
    assert 'name="f"; filename="f.txt"\r\n\r\nZmlsZQ==\r\n' in sent
    assert 'name="s"; filename="s.bin"\r\n\r\nc2VudA==\r\n' in sent
    assert 'name="t"\r\n\r\ntext\r\n' in sent
    bad = do(
        "uri",
        url=f"{web.url}/echo",
        method="POST",
        body_format="form-multipart",
        body={"f": {"mime_type": "x"}},
    )
    assert "at least one of filename or content" in bad["msg"]


@pytest.mark.parametrize(
    ("code", "method", "rule", "came"),
    [
        (302, "GET", "safe", "GET"),
        (302, "PUT", "all", "GET"),
        (301, "POST", "all", "GET"),
        (307, "PUT", "all", "PUT"),
        (308, "POST", "all", "POST"),
    ],
)
def test_redirects_are_followed_by_rule(
    do: Run, web: Web, code: int, method: str, rule: str, came: str
) -> None:
    result = do("uri", url=f"{web.url}/to/{code}", method=method, follow_redirects=rule, body="x")
    assert result["json"]["method"] == came
    assert result["redirected"]
    assert result["url"] == f"{web.url}/echo"


def test_redirects_that_are_not_followed_are_refusals(do: Run, web: Web) -> None:
    for method, rule in (("POST", "safe"), ("GET", "none")):
        result = do("uri", url=f"{web.url}/to/302", method=method, follow_redirects=rule)
        assert result["failed"]
        assert result["location"] == f"{web.url}/echo"
        assert result["msg"] == "Status code was 302 and not [200]: HTTP Error 302: Found"
    assert not do("uri", url=f"{web.url}/to/302", follow_redirects="none", status_code=[302]).get("failed")


def test_a_refusal_has_its_content(do: Run, web: Web) -> None:
    result = do("uri", url=f"{web.url}/none", return_content=True)
    assert result["msg"] == "Status code was 404 and not [200]: HTTP Error 404: Not Found"
    assert (result["content"], result["json"]) == ('{"said": "no"}', {"said": "no"})
    assert do("uri", url=f"{web.url}/none", status_code=404)["json"] == {"said": "no"}


def test_nobody_answers(do: Run) -> None:
    result = do("uri", url="http://127.0.0.1:1/")
    assert result["status"] == -1
    assert "Connection refused" in result["msg"]
    assert do("uri", url="nothing")["msg"] == "unknown url type: 'nothing'"


def test_passwords_and_cookies(do: Run, web: Web) -> None:
    for force in (True, False):
        known = {"url_username": "me", "url_password": "word", "force_basic_auth": force}
        assert do("uri", url=f"{web.url}/secret", return_content=True, **known)["content"] == "in"
    result = do("uri", url=f"{web.url}/cookies")
    assert (result["cookies"], result["cookies_string"], result["x_two"]) == ({"a": "1"}, "a=1", "b")


def test_an_answer_goes_into_a_file(do: Run, web: Web, tmp_path: Path) -> None:
    dest = tmp_path / "f"
    result = do("uri", url=f"{web.url}/one", dest=str(dest), mode="0600")
    assert result["changed"]
    assert (result["path"], result["mode"], dest.read_text()) == (str(dest), "0600", "one\n")
    assert do("uri", url=f"{web.url}/one", dest=str(dest))["msg"].startswith("Status code was 304")
    assert not do("uri", url=f"{web.url}/one", dest=str(dest), status_code=[200, 304])["changed"]


def test_it_is_skipped_by_what_is_there_or_gone(do: Run, web: Web, tmp_path: Path) -> None:
    assert do("uri", url=web.url, creates=str(tmp_path))["stdout"] == f"skipped, since '{tmp_path}' exists"
    assert "does not exist" in do("uri", url=web.url, removes=f"{tmp_path}/x")["stdout"]
    assert do("uri", check=True, url=web.url)["skipped"]
    assert web.paths == []


def test_a_unix_socket_stands_for_the_host(do: Run, unix_web: str) -> None:
    assert do("uri", url="http://localhost/echo", unix_socket=unix_web)["json"]["method"] == "GET"
    assert "Invalid Socket File" in do("uri", url="http://localhost/", unix_socket=f"{unix_web}x")["msg"]
