"""paramiko connections, jump hosts, host keys, local; the channel to the agent.

Every change to a host passes one gate here. May import inventory and agent.
"""

import sys


def _load_paramiko() -> None:
    """Without invoke, a third of its time to load: it is for `Match exec` of ssh_config, see ssh_config.load.

    paramiko itself takes it as optional (paramiko/config.py).
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
