"""One server of two processes for all tests here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from kprov.kube.apiserver.server.workers import CHANNEL
from tests.apiserver.fuzz.seeds import CASES, SEED
from tests.apiserver.fuzz.wire import Judge, Line
from tests.apiserver.servers import ApiServer, running

_WORKERS: Final = "KPROV_APISERVER_WORKERS"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    folder = tmp_path_factory.mktemp("fuzz")
    with ExitStack() as stack:
        # Only while it starts: tests of other folders come before this one ends.
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(_WORKERS, "2")
            _, found = stack.enter_context(running(folder, "--disable-admission-plugins=ServiceAccount"))
        yield found


@pytest.fixture(scope="session")
def share() -> Callable[[float], int]:
    """How many requests a part of all is."""
    return lambda part: int(CASES * part)


@pytest.fixture(scope="module", autouse=True)
def _outlived(server: ApiServer) -> Iterator[None]:
    """The server has to outlive what is played, with each of its processes."""
    before = workers(server)
    assert len(before) == 2
    yield
    assert workers(server) == before
    ready = server.get("/readyz")
    assert ready.status == 200, ready.body.decode()
    log = server.log()
    assert "did not expect" not in log
    assert "the process of heavy requests has ended" not in log


@pytest.fixture
def judge(server: ApiServer) -> Iterator[Judge]:
    found = Judge(Line(server))
    yield found
    found.line.close()
    assert not found.complaints, (
        f"KPROV_FUZZ_SEED={SEED} KPROV_FUZZ_CASES={CASES}\n{found.verdict()}\n{tracebacks(server.log())}"
    )


def workers(server: ApiServer) -> set[int]:
    """Return the numbers of its processes, without that of heavy requests, which comes and goes."""
    first = server.process
    children = Path(f"/proc/{first}/task/{first}/children").read_text()
    return {first, *(int(child) for child in children.split() if not is_heavy(child))}


def is_heavy(process: str) -> bool:
    """Whether a process executes heavy requests."""
    return CHANNEL.encode() in Path(f"/proc/{process}/environ").read_bytes()


def tracebacks(log: str) -> str:
    """Each of them once: one complaint may have had several causes."""
    found = re.findall(r"^Traceback .*\n(?:[ +|].*\n|\n)*\S.*$", log, re.MULTILINE)
    return "\n".join(dict.fromkeys(found))
