"""Modules of the agent, run here as on a host: arguments and state in, Ansible's result and state out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kprov.agent.context import Context
from kprov.agent.main import run_module


@pytest.fixture
def do() -> Callable[..., dict[str, Any]]:
    """`do(module, check=, diff=, blobs=, environment=, **args)` > the module's result."""

    def run(
        module: str,
        *,
        check: bool = False,
        diff: bool = False,
        blobs: dict[str, bytes] | None = None,
        environment: dict[str, str] | None = None,
        **args: Any,
    ) -> dict[str, Any]:
        def fetch(sha256: str, path: str) -> dict[str, str]:
            raise AssertionError(f"{sha256} was asked for, for {path}")

        context = Context(
            check=check, diff=diff, environment=environment or {}, blobs=blobs or {}, fetch=fetch
        )
        return run_module(module, args, context)

    return run


@pytest.fixture
def bring(do: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """`bring(path, text, **args)`: a copy of a text, as the operator's side asks for it."""

    def run(dest: Path | str, text: str, **more: Any) -> dict[str, Any]:
        data = text.encode()
        sha256 = hashlib.sha256(data).hexdigest()
        return do("copy", blobs={sha256: data}, dest=str(dest), _sha256=sha256, **more)

    return run
