"""The agent: reads messages from standard input, runs their modules in-process, ends with its connection.

The main thread runs modules, another thread reads. docs/decisions/005 describes how the agent ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import os
import queue
import signal
import sys
import threading
import time
from typing import Any, Optional, Tuple

from kprov.agent import arguments, code_cache, host_lock, message_results, process, protocol
from kprov.agent.apt import service_policy
from kprov.agent.context import Context, ModuleError
from kprov.agent.files import attributes

Frame = Tuple[Any, bytes]
#: Seconds that a program may run after the connection was lost, unless the operator asks for its result.
LOST_LIMIT = 1800.0
#: Seconds that interrupted modules have to remove their temporary files.
UNWIND = 2.0
#: Chunks of a content to read ahead.
_AHEAD = 16
#: Bytes of a large content after which writing to disk is started.
_WRITTEN_BACK = 4 << 20


class Agent:
    """Serves the messages of one connection."""

    def __init__(self, source: int, sink: int, session: str) -> None:
        self.source = os.fdopen(source, "rb", protocol.CHUNK_BYTES)
        self.sink = os.fdopen(sink, "wb")
        # SimpleQueue is reentrant: a signal handler may put while the same thread gets.
        self.frames: queue.SimpleQueue[Optional[Frame]] = queue.SimpleQueue()
        self.free_chunks = threading.Semaphore(_AHEAD)
        self.record = message_results.MessageRecord(session)
        self.lost = False
        self.deadline = 0.0
        #: A changing item is running: it may finish after a lost connection.
        self.changing = False
        self.operator_ended = self.closing = False
        self.sink_lock = threading.Lock()

    def serve(self) -> None:
        """Handle messages until the connection ends."""
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGUSR1, self._on_takeover)
        signal.signal(signal.SIGUSR2, self._on_end)
        try:
            hello = {"hello": os.getpid(), "boot": message_results.read_boot_id(), "time": time.time()}
            self._answer({**hello, "keeps": self.record.path is not None})
            threading.Thread(target=self._listen, daemon=True).start()
            service_policy.recover_policy()
            while not self.lost:
                frame = self.frames.get()
                if frame is None:
                    break
                header, body = frame
                if "find_out" in header:
                    answer = message_results.find_out(header["find_out"], header["message"], self._answer)
                else:
                    answer = {"results": self._run_message(header, body)}
                if not self.lost:
                    self._answer(answer)
        except (process.AgentStopped, OSError):
            # A write error means that the connection is lost.
            pass
        finally:
            self.closing = True
            signal.signal(signal.SIGUSR1, signal.SIG_IGN)
            signal.signal(signal.SIGUSR2, signal.SIG_IGN)
            process.kill_all()
            self.record.close(keep=not self.operator_ended)
            self.sink_lock.acquire(timeout=UNWIND)
            os.close(self.sink.fileno())
            # The operator has disconnected: clean-up delays nobody.
            message_results.remove_expired()
            code_cache.save_compiled()
            os._exit(0)

    # The reading thread

    def _listen(self) -> None:
        try:
            while True:
                frame = protocol.read_frame(self.source)
                if "alive" in frame[0]:
                    self._answer({"alive": True})
                    continue
                if "content" in frame[0]:
                    self.free_chunks.acquire()
                if "bye" in frame[0]:
                    self.operator_ended = True
                    self.changing = False
                    break
                self.frames.put(frame)
        except (EOFError, OSError, ValueError):
            pass
        self._mark_lost()
        # The main thread ends the agent; this thread enforces it.
        time.sleep(0.01)
        while self.changing and time.monotonic() < self.deadline:
            time.sleep(0.05)
        self._interrupt()

    def _mark_lost(self) -> None:
        self.deadline = time.monotonic() + LOST_LIMIT
        self.lost = True
        self.frames.put(None)

    def _interrupt(self) -> None:
        if not self.closing:
            process.kill_all()
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR2)
        time.sleep(UNWIND)
        os._exit(0)

    # Signal handlers, in the main thread

    def _on_takeover(self, *_: Any) -> None:
        """Another agent reports that this agent's connection is lost, which it may not have detected yet."""
        self._mark_lost()
        if not self.changing:
            process.kill_all()
            self._on_end()

    def _on_end(self, *_: Any) -> None:
        if not self.closing:
            raise process.AgentStopped

    # The main thread

    def _answer(self, header: dict[str, Any]) -> None:
        with self.sink_lock:
            self.sink.write(protocol.encode_frame(header))
            self.sink.flush()

    def _fetch(self, sha256: str, path: str) -> dict[str, str]:
        """Write a content of the operator to a path; return its other checksums from the operator.

        The whole content is read even if it cannot be written. Raises ModuleError for another content: the
        operator's file has changed.
        """
        was_changing, self.changing = self.changing, False
        write_error, written_back = None, 0
        import hashlib  # Large: OpenSSL's from the start.

        digest = hashlib.sha256()
        try:
            self._answer({"need": sha256})
        except OSError:
            # The connection is lost, perhaps not detected yet. The module did not fail.
            raise process.AgentStopped from None
        # Unread chunks would be taken for the next message.
        with process.defer_limit(), open(path, "wb", buffering=0) as file:
            while True:
                frame = None if self.lost else self.frames.get()
                if frame is None:
                    raise process.AgentStopped
                header, body = frame
                self.free_chunks.release()
                digest.update(body)
                try:
                    while body and write_error is None:
                        body = body[file.write(body) :]
                    written_back = _start_writeback(file.fileno(), written_back, file.tell())
                except OSError as error:
                    write_error = error
                if header.get("end"):
                    break
        self.changing = was_changing
        if write_error is not None:
            write_error.filename = path
            raise write_error
        if digest.hexdigest() != sha256:
            raise ModuleError("Copied file does not match the expected checksum. Transfer failed.")
        sums: dict[str, str] = header.get("sums", {})
        return sums

    def _run_message(self, header: dict[str, Any], body: bytes) -> list[dict[str, Any]]:
        self.record.mark_answer_received()
        if not protocol.is_changing(header):
            return self._run_items(header, body, record=None)
        try:
            return self._run_changing_message(header, body)
        except host_lock.HostLockError as error:
            # Nothing has started yet.
            return [{"changed": False, "failed": True, "msg": str(error)} for _ in header["items"]]

    def _run_changing_message(self, header: dict[str, Any], body: bytes) -> list[dict[str, Any]]:
        run = str(header.get("run"))
        with host_lock.hold_lock(
            run, lambda text: self._answer({"waiting": text}), lambda: self.lost
        ) as has_lock:
            if self.lost:
                raise process.AgentStopped
            if not has_lock:
                raise host_lock.HostLockError(
                    f"another kprov has been working on this host for {host_lock.LIMIT:g} s"
                )
            try:
                self.record.begin(header["message"], len(header["items"]))
            except OSError as error:
                text = f"cannot write to {self.record.path}: {error.strerror}"
                raise host_lock.HostLockError(f"nothing was done: {text}") from None
            return self._run_items(header, body, record=self.record)

    def _run_items(
        self, header: dict[str, Any], body: bytes, record: Optional[message_results.MessageRecord]
    ) -> list[dict[str, Any]]:
        blobs = _split_blobs(header, body)
        results: list[dict[str, Any]] = []
        loop_cache: dict[str, Any] = {}
        attributes.forget_names()
        for number, item in enumerate(header["items"]):
            if results and (results[-1].get("changed") or results[-1].get("failed")):
                loop_cache = {}
                attributes.forget_names()
            if self.lost:
                raise process.AgentStopped
            environment = {str(k): str(v) for k, v in (item.get("environment") or {}).items()}
            context = Context(
                check=header.get("check", False),
                diff=header.get("diff", False),
                environment=environment,
                blobs=blobs,
                fetch=self._fetch,
                loop_cache=loop_cache,
            )
            if record is not None:
                try:
                    record.record_item_start(number)
                except OSError as error:
                    text = f"not done: cannot write to {record.path}: {error.strerror}"
                    results.append({"changed": False, "failed": True, "msg": text})
                    continue
                self.changing = True
            seconds = int(item.get("timeout") or 0)
            try:
                with process.TimeLimit(seconds):
                    result = run_module(header["module"], item["args"], context)
            except process.ItemTimeout:
                text = f"Task failed: Timed out after {seconds} second(s)."
                result = {"changed": False, "failed": True, "msg": text, "timedout": {"period": seconds}}
            except process.AgentStopped:
                if record is not None and not self.changing:
                    record.record_item_cancelled()
                raise
            if record is not None:
                record.record_result(result)
                self.changing = False
            results.append(result)
        return results


def _split_blobs(header: dict[str, Any], body: bytes) -> dict[str, bytes]:
    """Return the small contents of a message by SHA-256."""
    blobs, offset = {}, 0
    for sha256, size in header.get("blobs", []):
        blobs[sha256] = body[offset : offset + size]
        offset += size
    return blobs


def _start_writeback(handle: int, begun: int, size: int) -> int:
    """Start writing a growing file to disk; return up to where.

    A file must be on disk before it is renamed, and waiting for all of it at the end would take as long as
    the disk needs. posix_fadvise(2) starts to write dirty pages without waiting.
    """
    if size - begun < _WRITTEN_BACK:
        return begun
    os.posix_fadvise(handle, begun, size - begun, os.POSIX_FADV_DONTNEED)
    return size


def run_module(name: str, args: dict[str, Any], context: Context) -> dict[str, Any]:
    """Run one module and return its result; an exception becomes a failed result."""
    with process.use_environment(context.environment):
        return _run_module(name, args, context)


def _run_module(name: str, args: dict[str, Any], context: Context) -> dict[str, Any]:
    try:
        module = importlib.import_module("kprov.agent.modules." + name)
        spec, rules = arguments.spec_of(module), getattr(module, "RULES", {})
        if spec is not None:
            args = arguments.check_arguments(f"ansible.builtin.{name}", args, spec, rules)
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
        import traceback

        return {
            "changed": False,
            "failed": True,
            "msg": f"{type(error).__name__}: {error}",
            "exception": traceback.format_exc(),
        }
    result.setdefault("changed", False)
    return result


def main(session: str) -> None:
    """Serve the connection on the standard streams, which modules cannot print to."""
    source, sink = os.dup(0), os.dup(1)
    with contextlib.suppress(OSError):
        # F_SETPIPE_SZ (linux/fcntl.h): large contents arrive in fewer, larger reads.
        fcntl.fcntl(source, 1031, 1 << 20)
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
    Agent(source, sink, session).serve()
