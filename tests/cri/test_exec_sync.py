"""Commands in containers."""

from __future__ import annotations

import pytest

from kprov.kube.kubelet.cri.client import CriClient, RuntimeFailure
from tests.cri.pods import PodMaker
from tests.processes import find_processes


async def test_output_and_exit_code(cri: CriClient, pods: PodMaker) -> None:
    sandbox = await pods.run_sandbox()
    container = await pods.start(sandbox, pods.make_config())
    command = ["/bin/sh", "-c", "echo out; echo err >&2; exit 5"]
    assert await cri.exec_sync(container, command, 20) == (b"out\n", b"err\n", 5)
    stdout, _, code = await cri.exec_sync(container, ["/bin/dd", "if=/dev/zero", "bs=1M", "count=3"], 20)
    assert (len(stdout), code) == (3 << 20, 0)


async def test_a_command_that_takes_too_long_is_killed(cri: CriClient, pods: PodMaker) -> None:
    sandbox = await pods.run_sandbox()
    container = await pods.start(sandbox, pods.make_config())
    with pytest.raises(RuntimeFailure, match="timed out after 1 s") as failure:
        await cri.exec_sync(container, ["sleep", "98765"], 1)
    assert failure.value.code == "DEADLINE_EXCEEDED"
    assert not find_processes("sleep", "98765")


async def test_a_missing_program(cri: CriClient, pods: PodMaker) -> None:
    sandbox = await pods.run_sandbox()
    container = await pods.start(sandbox, pods.make_config())
    try:
        stdout, stderr, code = await cri.exec_sync(container, ["/bin/missing"], 10)
        texts = stdout + stderr
    except RuntimeFailure as failure:
        texts, code = failure.message.encode(), 127
    assert b"/bin/missing" in texts
    assert code in {126, 127}


async def test_a_container_that_does_not_run(cri: CriClient, pods: PodMaker) -> None:
    sandbox = await pods.run_sandbox()
    container = await pods.create(sandbox, pods.make_config())
    with pytest.raises(RuntimeFailure, match="not running"):
        await cri.exec_sync(container, ["true"], 10)
