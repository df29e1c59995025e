"""What a run did, as JSON lines that are on the disk before the next task starts."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any


class Journal:
    """FOLDER/TIME-PID.jsonl, 0600; without a folder nothing is written. Never has results' contents."""

    def __init__(self, folder: Path | None) -> None:
        self.path: Path | None = None
        self._handle = -1
        if folder is not None:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path = folder / f"{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}.jsonl"
            self._handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, event: str, *, durable: bool = False, **fields: Any) -> None:
        """Add a line."""
        if self._handle >= 0:
            line = json.dumps({"time": round(time.time(), 3), "event": event, **fields}) + "\n"
            os.write(self._handle, line.encode())
            if durable:
                os.fdatasync(self._handle)

    def close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
