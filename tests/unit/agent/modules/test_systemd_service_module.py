"""systemd_service: what is refused, and how the manager is understood."""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kprov.agent.services import daemon_reload, dbus, systemd

Do = Callable[..., dict[str, Any]]


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ({"state": "started"}, "missing parameter(s) required by 'state': name"),
        (
            {"name": "x"},
            "one of the following is required: state, enabled, masked, daemon_reload, daemon_reexec",
        ),
        (
            {"name": "x*", "state": "started"},
            "This module does not currently support using glob patterns, found '*' in service name: x*",
        ),
    ],
)
def test_what_cannot_be_done_is_refused(do: Do, args: dict[str, Any], text: str) -> None:
    assert do("systemd_service", **args)["msg"] == text


def test_check_mode_reloads_nothing(do: Do) -> None:
    result = do("systemd_service", daemon_reload=True, check=True)
    assert result == {"name": None, "changed": False, "status": {}}


def test_properties_may_span_lines() -> None:
    text = (
        "Id=a.service\nExecStart={ path=/bin/sh ; argv[]=sh -c one\ntwo ; pid=0 }\nDescription={ odd\nNone\n"
    )
    assert systemd.parse_show(text) == {
        "Id": "a.service",
        "ExecStart": "{ path=/bin/sh ; argv[]=sh -c one\ntwo ; pid=0 }",
        "Description": "{ odd",
    }


def test_a_units_name_is_escaped_for_the_bus() -> None:
    assert systemd.object_path("a-b@1.service").endswith("/unit/a_2db_401_2eservice")


def test_values_are_read_by_their_signature() -> None:
    text = struct.pack("<I", 2) + b"ab\0"
    pair = text + b"\0" + struct.pack("<I", 1) + b"c\0"
    reader = dbus.Reader(struct.pack("<I", len(pair)) + b"\0" * 4 + pair + b"\0" * 2 + struct.pack("<I", 1))
    assert reader.read_values("a(ss)b") == [[("ab", "c")], True]


def answer(serial: int, texts: tuple[str, ...]) -> bytes:
    """A method's return with strings, as a manager sends it."""
    call = dbus.encode_call(serial, "/x", "a.b", "C", texts)
    body_size = struct.unpack_from("<I", call, 4)[0]
    body = call[len(call) - body_size :]
    signature = b"s" * len(texts)
    fields = struct.pack("<BBBBI", 5, 1, ord("u"), 0, serial)[:2] + b"u\0" + struct.pack("<I", serial)
    fields += bytes([8, 1]) + b"g\0" + bytes([len(signature)]) + signature + b"\0"
    head = struct.pack("<cBBBIII", b"l", 2, 0, 1, len(body), 1, len(fields))
    return head + fields + b"\0" * (-len(fields) % 8) + body


def test_properties_of_systemd_are_read_over_its_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "private")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()

    def serve() -> None:
        peer, _ = listener.accept()
        with peer:
            assert b"AUTH EXTERNAL " + str(os.geteuid()).encode().hex().encode() in peer.recv(200)
            peer.sendall(b"OK 1234\r\n")
            assert b"GetUnitFileState" in peer.recv(4096)
            peer.sendall(answer(1, ("enabled",)))

    thread = threading.Thread(target=serve)
    thread.start()
    manager = dbus.Manager(path)
    assert manager.call("/x", "a.b", "GetUnitFileState", "a.service") == ["enabled"]
    manager.close()
    thread.join()
    listener.close()


def touch(file: Path) -> float:
    """The time of the kernel's clock for files."""
    file.write_text("")
    return file.stat().st_ctime


def test_every_change_below_a_folder_is_seen(tmp_path: Path) -> None:
    folder = tmp_path / "system"
    folder.mkdir()
    (folder / "a.service").write_text("x")
    (folder / "a.service.d").mkdir()
    drop_in = folder / "a.service.d" / "1.conf"
    drop_in.write_text("y")
    target = tmp_path / "target"
    target.write_text("z")
    (folder / "link").symlink_to(target)
    (folder / "nowhere").symlink_to(tmp_path / "nothing")
    clock = tmp_path / "clock"
    changes: list[Callable[[], object]] = [
        lambda: os.utime(drop_in, (1, 1)),
        lambda: (folder / "a.service").chmod(0o600),
        lambda: target.write_text("other"),
        lambda: (folder / "nowhere").unlink(),
        lambda: (folder / "a.service").rename(folder / "b.service"),
    ]
    for change in changes:
        since = touch(clock)
        assert not daemon_reload.has_changed_below(str(folder), since)
        while touch(clock) <= since:  # The clock for files moves in steps of some milliseconds.
            pass
        change()
        assert daemon_reload.has_changed_below(str(folder), since)


def test_a_missing_folder_counts_as_changed_if_its_parent_changed(tmp_path: Path) -> None:
    assert daemon_reload.has_changed_below(str(tmp_path / "gone"), 1.0)
    assert not daemon_reload.has_changed_below(str(tmp_path / "gone"), time.time() + 1)
    assert not daemon_reload.has_changed_below("/run/systemd/none-of-that-name", 1.0)


def test_systemd_is_reloaded_if_it_cannot_be_queried(tmp_path: Path) -> None:
    assert daemon_reload.is_reload_needed(dbus.Manager(str(tmp_path / "none")))
