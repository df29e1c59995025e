"""Short-lived programs (`ip`, `nft`, `conntrack`) run from the event loop."""

import asyncio
import os


class ProcessError(Exception):
    """A program could not be started, failed or did not end; the text has its name and its words."""


async def run(*command: str, stdin: str = "", timeout: float = 15.0) -> str:
    """A program's output. Raises ProcessError on a status other than 0 or after `timeout` seconds.

    Input goes through a file in memory: uvloop breaks on a pipe whose reader ended before it was written to.
    """
    source = _in_memory(stdin) if stdin else asyncio.subprocess.DEVNULL
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
        raise ProcessError(f"{' '.join(command)}: no end after {timeout:.0f}s") from None
    finally:
        if process.returncode is None:  # timed out or cancelled: nothing is left behind
            process.kill()
            await process.wait()
    if process.returncode != 0:
        told = err.decode(errors="replace").strip() or f"status {process.returncode}"
        raise ProcessError(f"{' '.join(command)}: {told[:2000]}")
    return out.decode(errors="replace")


def _in_memory(text: str) -> int:
    descriptor = os.memfd_create("input")
    with os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(text.encode())
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
