"""Log lines in klog's format on standard error, with a priority prefix if the journal reads them."""

import logging
import os
import sys
import time
from typing import Final

_LETTER: Final = {
    logging.DEBUG: "I",
    logging.INFO: "I",
    logging.WARNING: "W",
    logging.ERROR: "E",
    logging.CRITICAL: "F",
}
_PRIORITY: Final = {
    logging.DEBUG: 7,
    logging.INFO: 6,
    logging.WARNING: 4,
    logging.ERROR: 3,
    logging.CRITICAL: 2,
}
# From klog's V(4) on components log each step: that is Python's DEBUG.
DEBUG_VERBOSITY: Final = 4


class KlogFormatter(logging.Formatter):
    """Formats records as klog does: `I1121 06:38:43.123456    4711 rest.py:40] text`."""

    def __init__(self, journal: bool) -> None:
        super().__init__()
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        clock = time.strftime("%m%d %H:%M:%S", time.localtime(record.created))
        micro = int(record.created % 1 * 1_000_000)
        letter = _LETTER.get(record.levelno, "I")
        text = record.getMessage()
        if record.exc_info:
            text = f"{text}\n{self.formatException(record.exc_info)}"
        line = f"{letter}{clock}.{micro:06d} {record.process:7d} {record.filename}:{record.lineno}] {text}"
        if not self._journal:
            return line
        # The journal splits at newlines: each piece carries its own priority.
        priority = f"<{_PRIORITY.get(record.levelno, 6)}>"
        return priority + line.replace("\n", f"\n{priority}")


def setup(verbosity: int = 0, component: str = "") -> None:
    """Route all logging to standard error. Verbosity is klog's: INFO at 0, DEBUG at 4, libraries at 8."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(KlogFormatter(journal=bool(os.environ.get("JOURNAL_STREAM"))))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG if verbosity >= 8 else logging.INFO)
    logging.getLogger("kprov").setLevel(logging.DEBUG if verbosity >= DEBUG_VERBOSITY else logging.INFO)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    if component:
        logging.getLogger("kprov").info("starting %s", component)
