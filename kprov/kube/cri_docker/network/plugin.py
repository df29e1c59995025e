"""Execution of one CNI plugin (CNI specification, section 2)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

_SECONDS: Final = 120.0


class NetworkError(Exception):
    """A plugin failed, or is missing."""


def find_plugin(kind: str, folders: Iterable[Path]) -> Path:
    """Return the path of a plugin. NetworkError: no folder has it."""
    tried = list(folders)
    for folder in tried:
        if (folder / kind).is_file():
            return folder / kind
    raise NetworkError(f"failed to find plugin {kind!r} in {', '.join(map(str, tried))}")


async def run_plugin(
    program: Path, environment: Mapping[str, str], configuration: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the plugin's result, {} for none. environment: all of it. NetworkError."""
    process = await asyncio.create_subprocess_exec(
        program,
        env=environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(_SECONDS):
            output, errors = await process.communicate(json.dumps(configuration).encode())
    except TimeoutError:
        raise NetworkError(f"plugin {program.name} has not ended after {_SECONDS:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    document = _decode(output)
    if process.returncode:
        raise NetworkError(f"plugin {program.name} failed: {_describe(document, output, errors)}")
    return document


def _decode(output: bytes) -> dict[str, Any]:
    try:
        document = json.loads(output)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _describe(document: Mapping[str, Any], output: bytes, errors: bytes) -> str:
    """Return the texts of an error result, or else what the plugin wrote."""
    texts = [str(document[name]) for name in ("msg", "details") if document.get(name)]
    return "; ".join(texts) or (errors or output).decode(errors="replace").strip()[:2000] or "no output"
