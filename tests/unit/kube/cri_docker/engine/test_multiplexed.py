"""Frames of a command's output."""

from __future__ import annotations

from kprov.kube.cri_docker.engine.multiplexed import STDERR, STDOUT, FrameDecoder


def test_frames_in_pieces_of_any_size() -> None:
    data = b"\x01\0\0\0\0\0\0\x03abc" + b"\x02\0\0\0\0\0\0\0" + b"\x02\0\0\0\0\0\x01\x00" + b"x" * 256
    expected = [(STDOUT, b"abc"), (STDERR, b""), (STDERR, b"x" * 256)]
    for size in (1, 2, 7, 8, 9, 1000):
        decoder = FrameDecoder()
        pieces = [data[start : start + size] for start in range(0, len(data), size)]
        assert [frame for piece in pieces for frame in decoder.feed(piece)] == expected
