"""A program that cannot live is started again ever more rarely."""

import re
from types import SimpleNamespace

import pytest

import run_local
from tests.services.waiting import wait_until


def test_pauses_grow_until_a_program_has_run_for_long(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(run_local, "time", SimpleNamespace(monotonic=lambda: clock.now))
    program = run_local.Program("false", ["false"], {})

    for lived_s in (0,) * 8 + (run_local.STEADY_S + 1, 0):
        wait_until(lambda: program.has_ended)
        clock.now += lived_s
        program.supervise()
        clock.now += run_local.LONGEST_PAUSE_S
        program.supervise()

    output = capsys.readouterr().out
    assert re.findall(r"restarted in (\d+) s", output) == [
        "1",
        "2",
        "4",
        "8",
        "16",
        "32",
        "60",
        "60",
        "1",
        "2",
    ]
    assert output.startswith("false ended with exit code 1;")
    program.wait_for_end()
