"""What Docker Engine answers instead of success."""

from __future__ import annotations

import pytest

from kprov.kube.cri_docker.engine.errors import read_error


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"message":"No such container: x"}\n', "No such container: x"),
        (b"page not found\n", "page not found"),
        (b"", "HTTP status 404"),
        (b"[]", "[]"),
    ],
)
def test_the_message(body: bytes, message: str) -> None:
    error = read_error(404, body)
    assert (error.status, error.message, str(error)) == (404, message, message)
