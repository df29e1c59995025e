"""Runs a program of the operator within bounds of time and output, and leaves nothing of it behind."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass

#: The largest output of a program, in bytes.
OUTPUT_LIMIT = 64 << 20


class BoundsError(Exception):
    """The program took too long or wrote too much; it was ended."""


@dataclass(frozen=True)
class Finished:
    """The exit code and the output of a program."""

    returncode: int
    stdout: bytes
    stderr: bytes


def run(command: Sequence[str], *, seconds: float) -> Finished:
    """Run a program without input, and end it and its children at a limit. Raises OSError and BoundsError."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    outputs: dict[str, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}
    deadline = time.monotonic() + seconds
    try:
        _read_outputs(process, outputs, deadline, seconds)
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise BoundsError(f"did not end within {seconds:g} s") from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()
    return Finished(process.returncode, bytes(outputs["stdout"]), bytes(outputs["stderr"]))


def _read_outputs(
    process: subprocess.Popen[bytes], outputs: dict[str, bytearray], deadline: float, seconds: float
) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ, "stdout")  # type: ignore[arg-type]
        selector.register(process.stderr, selectors.EVENT_READ, "stderr")  # type: ignore[arg-type]
        while selector.get_map():
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready and time.monotonic() >= deadline:
                raise BoundsError(f"did not end within {seconds:g} s")
            for key, _ in ready:
                part = os.read(key.fd, 1 << 16)
                if not part:
                    selector.unregister(key.fileobj)
                outputs[key.data] += part
                if len(outputs[key.data]) > OUTPUT_LIMIT:
                    raise BoundsError(f"wrote more than {OUTPUT_LIMIT >> 20} MiB")
