"""Short-lived programs (`ip`, `nft`, `conntrack`) run from the event loop."""

import asyncio
import os


class ProcessError(Exception):
    """A program did not start, failed or timed out. The text has its name and its error output."""


async def run(*command: str, stdin: str = "", timeout: float = 15.0) -> str:
    """Run a program and return its output. ProcessError: it fails, or runs longer than `timeout`.

    Input goes through a file in memory: uvloop fails on a pipe whose reader exits before the write.
    """
    source = _write_to_memory(stdin) if stdin else asyncio.subprocess.DEVNULL
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=source, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
    except OSError as error:
        raise ProcessError(f"{command[0]}: {error.strerror or error}") from error
    finally:
        if stdin:
            os.close(source)
    try:
        async with asyncio.timeout(timeout):
            out, err = await process.communicate()
    except TimeoutError:
        raise ProcessError(f"{' '.join(command)}: timed out after {timeout:.0f}s") from None
    finally:
        if process.returncode is None:  # timed out or cancelled
            process.kill()
            await process.wait()
    if process.returncode != 0:
        text = err.decode(errors="replace").strip() or f"status {process.returncode}"
        raise ProcessError(f"{' '.join(command)}: {text[:2000]}")
    return out.decode(errors="replace")


def _write_to_memory(text: str) -> int:
    descriptor = os.memfd_create("input")
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(text.encode())
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
