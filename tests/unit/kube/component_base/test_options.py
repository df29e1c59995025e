"""Flags in the forms of Go programs."""

import pytest

from kprov.kube.component_base.durations import parse, render
from kprov.kube.component_base.options import FlagSet


def flags() -> FlagSet:
    flags = FlagSet("kube-test", "tests")
    flags.string("kubeconfig")
    flags.boolean("leader-elect", True)
    flags.boolean("dry")
    flags.duration("node-monitor-period", 5)
    flags.string_list("controllers", ["*"])
    flags.string_map("node-labels")
    return flags


def test_flags_have_defaults() -> None:
    options = flags().parse([])
    assert (options.v, options.leader_elect, options.controllers, options.node_labels) == (0, True, ["*"], {})


def test_flags_accept_all_forms_of_go() -> None:
    argv = "-v=2 --kubeconfig /x --leader_elect=false --dry --node-monitor-period=1m30s --controllers=a,b"
    options = flags().parse([*argv.split(), "--controllers=-c", "--node-labels=a=b,c="])
    assert (options.v, options.kubeconfig, options.leader_elect, options.dry) == (2, "/x", False, True)
    assert options.node_monitor_period == 90.0
    assert options.controllers == ["a", "b", "-c"]
    assert options.node_labels == {"a": "b", "c": ""}


@pytest.mark.parametrize(
    ("argument", "complaint"),
    [
        ("--no-such=1", "unrecognized arguments"),
        ("--node-monitor-period=5", 'invalid duration "5"'),
        ("--leader-elect=perhaps", 'invalid boolean value "perhaps"'),
    ],
)
def test_wrong_flag_prints_one_line_and_exits_with_1(
    argument: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        flags().parse([argument])
    assert caught.value.code == 1
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), ("150ms", 0.15), ("1m30s", 90), ("1h0m0.5s", 3600.5), ("-2s", -2)]
)
def test_go_durations_are_parsed(text: str, seconds: float) -> None:
    assert parse(text) == pytest.approx(seconds)


def test_durations_are_rendered_as_in_go() -> None:
    assert [render(s) for s in (0, 0.15, 40, 90, 3600)] == ["0s", "150ms", "40s", "1m30s", "1h0m0s"]


def test_flag_values_are_rendered_as_in_go() -> None:
    made = flags()
    argv = "--dry --node-monitor-period=90s --controllers=a,b --node-labels=c=d,a=b --kubeconfig=/x"
    assert made.render_values(made.parse(argv.split())) == {
        "controllers": "[a,b]",
        "dry": "true",
        "kubeconfig": "/x",
        "leader-elect": "true",
        "node-labels": "a=b,c=d",
        "node-monitor-period": "1m30s",
        "v": "0",
    }
