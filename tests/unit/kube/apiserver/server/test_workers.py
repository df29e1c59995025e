"""How many processes an API server is."""

import pytest

from kprov.kube.apiserver.server import workers


def test_the_default_is_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(workers.COUNT, raising=False)
    assert workers.count_processes() == 1


def test_the_environment_sets_the_number_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(workers.COUNT, "7")
    assert workers.count_processes() == 7


@pytest.mark.parametrize("text", ["", "0", "-1", "two", "1.5", "²"])
def test_an_invalid_number_of_processes_is_rejected(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(workers.COUNT, text)
    with pytest.raises(ValueError, match=f"{workers.COUNT}={text}: expected a number"):
        workers.count_processes()
