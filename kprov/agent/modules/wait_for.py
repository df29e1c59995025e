# Paths are used as the texts they arrive as.
# The signature is what callers expect.
# ruff: noqa: ARG001, PTH110
"""ansible.builtin.wait_for."""

from __future__ import annotations

import os
import re
import socket
import time
from typing import Any

from kprov.agent.context import Context, ModuleError


def run(args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Wait for a port to open or close, or for a file to come, go or hold something."""
    start = time.monotonic()
    timeout = float(args.get("timeout") or 300)
    pause = float(args.get("sleep") or 1)
    state = args.get("state") or "started"
    port, path = args.get("port"), args.get("path")
    time.sleep(float(args.get("delay") or 0))
    result = {"state": state, "port": port, "path": path, "search_regex": args.get("search_regex")}
    if port is None and path is None:
        time.sleep(max(0.0, timeout - (time.monotonic() - start)))
        return {**result, "elapsed": int(time.monotonic() - start)}
    wanted = state in ("started", "present")
    while True:
        there = _open(args, port) if port is not None else _present(path, args.get("search_regex"))
        if there == wanted:
            return {**result, "elapsed": int(time.monotonic() - start)}
        if time.monotonic() - start > timeout:
            what = f"{args.get('host') or '127.0.0.1'}:{port}" if port is not None else path
            message = args.get("msg") or f"Timeout when waiting for {what}" + ("" if wanted else " to stop")
            raise ModuleError(message, elapsed=int(time.monotonic() - start))
        time.sleep(pause)


def _open(args: dict[str, Any], port: Any) -> bool:
    try:
        address = (args.get("host") or "127.0.0.1", int(port))
        with socket.create_connection(address, timeout=float(args.get("connect_timeout") or 5)):
            return True
    except OSError:
        return False


def _present(path: Any, pattern: Any) -> bool:
    if not pattern:
        return os.path.exists(path)
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return re.search(pattern, file.read(), re.MULTILINE) is not None
    except OSError:
        return False
