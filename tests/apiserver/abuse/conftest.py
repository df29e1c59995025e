"""One server, which hostile clients may not slow down."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.apiserver.servers import ApiServer, running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    with running(tmp_path_factory.mktemp("abuse"), "--disable-admission-plugins=ServiceAccount") as found:
        yield found[1]
