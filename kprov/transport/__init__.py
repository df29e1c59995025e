"""Connections to hosts: SSH (paramiko) and local, and the channel to the agent.

Every change to a host goes through `agent/session.py`. May import inventory and agent.
"""

import sys


def _load_paramiko() -> None:
    """Import paramiko without invoke, which takes a third of the import time.

    paramiko treats invoke as optional: it runs `Match exec`. `load_config` imports it when needed.
    """
    before = sys.modules.get("invoke")
    sys.modules["invoke"] = None  # type: ignore[assignment]
    try:
        import paramiko  # noqa: F401
    finally:
        del sys.modules["invoke"]
        if before is not None:
            sys.modules["invoke"] = before


if "paramiko" not in sys.modules:
    _load_paramiko()
