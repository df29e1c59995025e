import asyncio
from pathlib import Path

import pytest
import uvloop

from kprov.kube.component_helpers.process import ProcessError, run


async def both() -> None:
    assert await run("cat", stdin="text") == "text"
    # Ends without reading: the input must not be an error, however large.
    assert await run("true", stdin="x" * 1_000_000) == ""
    with pytest.raises(ProcessError, match="no such program here"):
        await run("sh", "-c", "echo no such program here >&2; exit 3")
    with pytest.raises(ProcessError, match="status 4"):
        await run("sh", "-c", "exit 4")
    with pytest.raises(ProcessError, match="kprov-nothing: No such file"):
        await run("kprov-nothing")
    with pytest.raises(ProcessError, match="timed out after 0s"):
        await run("sleep", "60", timeout=0.05)


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_process_returns_output_or_raises_with_error_output(loop: object) -> None:
    async def twice() -> None:
        await both()  # what the loop itself keeps open is there after this
        before = len(list(Path("/proc/self/fd").iterdir()))
        await both()
        assert len(list(Path("/proc/self/fd").iterdir())) <= before

    with asyncio.Runner(loop_factory=loop) as runner:  # type: ignore[arg-type]
        runner.run(twice())
