"""The agent: reads tasks from its standard input, does them in-process, ends with its connection."""

from __future__ import annotations

import importlib
import os
import queue
import sys
import threading
import traceback
from typing import Any

from kprov.agent import arguments, process, protocol
from kprov.agent.context import Context, ModuleError


class Agent:
    """One run's worth of tasks on this host."""

    def __init__(self, source: int, sink: int) -> None:
        self.source = os.fdopen(source, "rb")
        self.sink = os.fdopen(sink, "wb")
        self.frames: queue.Queue[tuple[dict[str, Any], bytes]] = queue.Queue()

    def serve(self) -> None:
        """Do tasks until the connection ends; a lost one ends running programs too."""
        threading.Thread(target=self._listen, daemon=True).start()
        while True:
            header, body = self.frames.get()
            self._answer({"results": self._task(header, body)})

    def _listen(self) -> None:
        try:
            while True:
                self.frames.put(protocol.read(self.source))
        except (EOFError, OSError):
            process.end_all()
            os._exit(0)

    def _answer(self, header: dict[str, Any]) -> None:
        self.sink.write(protocol.encode(header))
        self.sink.flush()

    def _fetch(self, sha256: str, path: str) -> None:
        self._answer({"need": sha256})
        with open(path, "wb") as file:
            while True:
                header, body = self.frames.get()
                file.write(body)
                if header.get("end"):
                    return

    def _task(self, header: dict[str, Any], body: bytes) -> list[dict[str, Any]]:
        blobs, offset = {}, 0
        for sha256, size in header.get("blobs", []):
            blobs[sha256] = body[offset : offset + size]
            offset += size
        results = []
        for item in header["items"]:
            environment = {str(k): str(v) for k, v in (item.get("environment") or {}).items()}
            context = Context(
                check=header.get("check", False),
                diff=header.get("diff", False),
                environment=environment,
                blobs=blobs,
                fetch=self._fetch,
            )
            results.append(run_module(header["module"], item["args"], context))
        return results


def run_module(name: str, args: dict[str, Any], context: Context) -> dict[str, Any]:
    """The result of one module; whatever it raises is a failed result."""
    process.ENVIRONMENT = context.environment
    try:
        module = importlib.import_module("kprov.agent.modules." + name)
        spec, rules = arguments.spec_of(module), getattr(module, "RULES", {})
        if spec is not None:
            args = arguments.checked(f"ansible.builtin.{name}", args, spec, rules)
        if context.check and rules.get("check_mode") is False:
            text = f"remote module (ansible.builtin.{name}) does not support check mode"
            return {"changed": False, "skipped": True, "msg": text}
        result: dict[str, Any] = module.run(args, context)
    except ModuleError as error:
        return {"changed": False, **error.result, "failed": True, "msg": str(error)}
    except OSError as error:
        return {
            "changed": False,
            "failed": True,
            "msg": f"{error.strerror}: {error.filename or ''}".rstrip(": "),
        }
    except Exception as error:
        where = traceback.format_exc()
        return {
            "changed": False,
            "failed": True,
            "msg": f"{type(error).__name__}: {error}",
            "exception": where,
        }
    result.setdefault("changed", False)
    return result


def main() -> None:
    """Serve the connection on the standard streams; what modules print must not get into it."""
    source, sink = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.environ.setdefault("LANG", "C.UTF-8")
    path = os.environ.get("PATH", "")
    for folder in ("/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"):
        if folder not in path.split(":"):
            path += ":" + folder
    os.environ["PATH"] = path
    sys.stdin.close()
    Agent(source, sink).serve()
