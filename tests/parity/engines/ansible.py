"""ansible-playbook, in this process; its callback plugin writes the record."""

from __future__ import annotations

import os

from ansible.cli.playbook import PlaybookCLI

from tests.parity.engines.request import Request


def play(request: Request) -> int:
    """Exit code."""
    os.environ |= {
        "PARITY_OUTPUT": request.output,
        "PARITY_SNAPSHOT": "\n".join(request.snapshot),
        "PARITY_SNAPSHOT_SCRIPT": str(request.script),
    }
    PlaybookCLI.cli_executor(
        ["ansible-playbook", "-i", request.inventory, *request.options, request.playbook]
    )
    return 0
