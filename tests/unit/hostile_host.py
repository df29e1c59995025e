"""A host that is not trusted: a real agent, behind a program that changes its answers.

The program stands in the place of the host's Python (`ansible_python_interpreter`). It knows which module
each message runs, and may change the header of any frame, or send other bytes in its place.
"""

from __future__ import annotations

import sys
from pathlib import Path

_RELAY = f"""#!{sys.executable} -IS
import json, os, struct, subprocess, sys, threading
HEAD = struct.Struct(">IQ")
edit = {{"__name__": "edit"}}
exec(open(os.path.join(os.path.dirname(sys.argv[0]), "edit.py")).read(), edit)
agent = subprocess.Popen(["python3", *sys.argv[1:]], stdin=-1, stdout=-1, bufsize=0, start_new_session=True)
started, modules = threading.Event(), []

def parts(data):
    while len(data) >= HEAD.size and len(data) >= HEAD.size + sum(HEAD.unpack(data[:HEAD.size])):
        head, body = HEAD.unpack(data[:HEAD.size])
        end = HEAD.size + head
        yield json.loads(data[HEAD.size:end]), data[:end + body]
        data = data[end + body:]
    yield None, data

def forward():
    data = b""
    while part := os.read(0, 65536):
        if started.is_set():
            for header, data in parts(data + part):
                if header is not None and "module" in header:
                    modules.append(header["module"])
        while part:
            part = part[agent.stdin.write(part):]
    agent.stdin.close()

threading.Thread(target=forward, daemon=True).start()
while not started.is_set():
    line = agent.stdout.readline()
    if line.endswith(b"KPROV1 ok\\n"):
        started.set()
    if not line:
        sys.exit(1)
    os.write(1, line)
data = b""
while part := os.read(agent.stdout.fileno(), 65536):
    for header, data in parts(data + part):
        if header is not None:
            answer = edit["edit"](modules[-1] if modules else "", header)
            if not isinstance(answer, bytes):
                text = json.dumps(answer).encode()
                answer = HEAD.pack(len(text), 0) + text
            while answer:
                answer = answer[os.write(1, answer):]
"""
_EDIT_RESULTS = """
def edit(module, header):
    for result in header.get("results", []):
        edit_result(module, result)
    return header
"""


class HostileHost:
    """Writes the program. `interpreter` is the path for `ansible_python_interpreter`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.interpreter = folder / "python"
        self.interpreter.write_text(_RELAY)
        self.interpreter.chmod(0o700)
        self._edit = folder / "edit.py"
        self.send_honest_answers()

    def send_honest_answers(self) -> None:
        """Change nothing."""
        self.change_frames("def edit(module, header):\n    return header\n")

    def change_frames(self, code: str) -> None:
        """Change frames by `edit(module, header)`, which returns a header or the bytes to send."""
        self._edit.write_text(code)

    def change_results(self, statements: str) -> None:
        """Run statements, with `module` and `result`, for each result that the host sends."""
        lines = "".join(f"    {line}\n" for line in statements.splitlines())
        self.change_frames(f"def edit_result(module, result):\n{lines}{_EDIT_RESULTS}")
