"""Contents that an agent asks its operator for."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import pytest

from kprov.agent import process
from kprov.agent.main import Agent


def test_a_question_that_reaches_nobody_is_a_lost_connection_and_no_result(tmp_path: Path) -> None:
    """As a failure of the module it would be kept as the outcome, and told when the operator is back."""
    source, other = os.pipe()
    far, sink = os.pipe()
    os.close(far)
    agent = Agent(source, sink, uuid.uuid4().hex)
    try:
        agent.changing = True
        with pytest.raises(process.AgentStopped):
            agent._fetch("0" * 64, str(tmp_path / "content"))
        assert not agent.changing
        assert not (tmp_path / "content").exists()
    finally:
        agent.record.close(keep=False)
        agent.source.close()
        os.close(other)
        with pytest.raises(BrokenPipeError):
            agent.sink.close()
