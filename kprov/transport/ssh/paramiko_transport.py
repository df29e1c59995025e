"""paramiko's client transport with large windows and few, large writes of channel data."""

from __future__ import annotations

from typing import Any, cast

import paramiko

from kprov.transport.ssh.packets import ChannelData, GcmPacketizer

#: Window size of a channel in bytes (RFC 4254 5.2).
_WINDOW = 16 << 20
#: Bytes of channel data in one write.
_WRITE_SIZE = 1 << 20

#: Typed as Any: the stubs leave out members that are overridden here.
_Paramiko: Any = paramiko.Transport


class Transport(_Paramiko):  # type: ignore[misc]
    """An SSH connection."""

    packetizer: GcmPacketizer

    def __init__(self, sock: Any) -> None:
        super().__init__(sock, default_window_size=_WINDOW, packetizer_class=GcmPacketizer)

    def open_session(self, *, timeout: float) -> paramiko.Channel:
        """Return a channel for a program. Raises SSHException, ChannelException, EOFError."""
        return cast("paramiko.Channel", super().open_session(timeout=timeout))

    def send_data(self, channel: paramiko.Channel, data: memoryview) -> int:
        """Send what the window allows in one write; return the bytes sent. Raises as Channel.send does."""
        with channel.lock:
            if channel.closed:
                raise OSError("the channel is closed")
            size = channel._wait_for_send_window(len(data))  # type: ignore[attr-defined]
            if not size:
                raise EOFError("the channel is closed")
            more = min(min(len(data), _WRITE_SIZE) - size, channel.out_window_size)
            if more > 0:
                channel.out_window_size -= more
                size += more
        pieces = ChannelData(channel.remote_chanid, data[:size], channel.out_max_packet_size - 64)
        # Not under the channel's lock: a new key exchange would wait for it forever.
        self._send_user_message(pieces)
        return cast("int", size)
