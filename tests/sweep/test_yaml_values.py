"""Values that YAML reads otherwise than they are written: ON, 7203, 12:30, 1e5."""

import json
import random
from pathlib import Path

import pytest
import yaml

from backtests import Client
from backtests.spec import read_spec
from backtests.transport import BadInput
from tests.sweep.test_sweep_files import faults_of, platform, written

__all__ = ["platform"]  # a fixture

CHOSEN = random.Random(1118)
BOOLEANS = ["ON", "On", "on", "OFF", "off", "YES", "Yes", "no", "NO", "False", "TRUE"]
SWEEP = """base:
  {field}: {value}
  start_date: 2004-01-01
  end_date: 2006-12-31
  rule_type: MA_CROSS
parameters:
  fast: [5]
"""
PORTFOLIO = """legs:
- {{{field}: {value}, rule_type: MA_CROSS}}
start_date: 2004-01-01
end_date: 2006-12-31
"""


def numbers() -> list[str]:
    return [str(CHOSEN.randint(1, 999_999)) for _ in range(4)] + ["1.50", "1_000"]


def read_as(value: str) -> str:
    return json.dumps(yaml.safe_load(value))


@pytest.mark.parametrize("field", ["ticker", "tickers", "benchmark", "label", "rule_id"])
def test_a_value_in_place_of_text_is_named_and_how_to_write_it(
    tmp_path: Path, platform: Client, field: str
) -> None:
    for value in CHOSEN.sample(BOOLEANS, 4) + numbers():
        listed = f"[AAPL, {value}]" if field == "tickers" else value
        text = SWEEP.format(field=field, value=listed)
        text += "" if "ticker" in field else "name: x\n"
        text = text if "ticker" in field else text.replace("base:\n", "base:\n  ticker: AAPL\n")

        [fault] = faults_of(written(tmp_path, text), platform)

        assert fault.startswith(
            f"line {text[: text.index(field + ':')].count(chr(10)) + 1}: base."
        )
        assert read_as(value) in fault, value
        assert "quot" in fault, value
        if read_as(value) != value:
            assert f"YAML reads {value} as {read_as(value)}" in fault
        assert faults_of_quoted(tmp_path, platform, text, value) == []


def faults_of_quoted(folder: Path, platform: Client, text: str, value: str) -> list[str]:
    """Faults of a value's type that remain once it is quoted; an unknown ticker is text."""
    path = written(folder, text.replace(f" {value}", f' "{value}"'))
    try:
        read_spec(path).plan(platform, None)
    except BadInput as error:
        return [each for each in error.faults if "quot" in each]
    return []


def test_a_leg_s_ticker_is_named_too(tmp_path: Path, platform: Client) -> None:
    for value in (*BOOLEANS[:3], "7203"):
        spec = read_spec(written(tmp_path, PORTFOLIO.format(field="ticker", value=value)))
        with pytest.raises(BadInput) as raised:
            spec.send(platform.submit_portfolio)

        [fault] = raised.value.faults
        assert fault.startswith("line 2: legs[0].ticker: ")
        assert "quote it" in fault
        assert read_as(value) in fault
        assert value in fault


def test_numbers_of_another_base_are_refused_wherever_they_are(tmp_path: Path) -> None:
    for _ in range(100):
        octal = "0" + "".join(CHOSEN.choices("01234567", k=CHOSEN.randint(1, 4)))
        clock = f"{CHOSEN.randint(1, 23)}:{CHOSEN.randint(0, 59):02}"
        value = CHOSEN.choice((octal, clock, ".inf", "-.inf", ".nan"))
        place = CHOSEN.choice(
            ("name: {}", "base: {{fee_rate: {}}}", "parameters: {{fast: [1, {}]}}")
        )
        path = written(tmp_path, "seed: 1\n" + place.format(value))

        with pytest.raises(BadInput) as raised:
            read_spec(path)

        [fault] = raised.value.faults
        assert fault.startswith("line 2: ")
        assert value in fault
        quoted = read_spec(written(tmp_path, "seed: 1\n" + place.format(f'"{value}"')))
        assert value in json.dumps(quoted.values)


@pytest.mark.parametrize("value", ["1e5", "1E5", "2e-3", "08", "0_9e1"])
def test_a_number_that_yaml_reads_as_text_is_named(
    tmp_path: Path, platform: Client, value: str
) -> None:
    text = SWEEP.format(field="ticker", value="AAPL") + f"  slow: [{value}, 50]\n"

    [fault] = faults_of(written(tmp_path, text), platform)

    number = float(value)
    assert f"YAML reads {value} as text" in fault
    assert f"written {json.dumps(int(number) if number.is_integer() else number)}" in fault


@pytest.mark.parametrize("place", ["{}: 1", "base: {{{}: 1}}", "legs: [{{{}: 1}}]"])
def test_a_key_that_yaml_does_not_read_as_text_is_refused(tmp_path: Path, place: str) -> None:
    for key in (*BOOLEANS, "1", "1.5e+3", "12:30", "0x1F", "~", "null"):
        path = written(tmp_path, f"seed: 1\n{place.format(key)}\n")

        with pytest.raises(BadInput) as raised:
            read_spec(path)

        [fault] = raised.value.faults
        assert fault.startswith(f"line 2: YAML reads the key {key} as {read_as(key)};"), key
        assert f'"{key}"' in fault
        quoted = place.format(f'"{key}"')
        assert key in json.dumps(read_spec(written(tmp_path, f"seed: 1\n{quoted}\n")).values)


def test_dates_exponents_and_merged_mappings_are_keys(tmp_path: Path) -> None:
    path = written(tmp_path, "2004-01-01: 1\n1e3: 2\nbase: &b {label: x}\nother: {<<: *b}\n")

    values = read_spec(path).values

    assert (values["2004-01-01"], values["1e3"], values["other"]) == (1, 2, {"label": "x"})


def test_dates_and_names_stay_as_they_are_written(tmp_path: Path) -> None:
    for value in ("2004-02-30", "2020-01-01", "NO", "1.10", "2024", "2001-12-14T21:59:43Z"):
        spec = read_spec(written(tmp_path, f"name: {value}\nbase: {{label: 2004-02-30}}\n"))

        assert spec.name == value
        assert spec.terms == {"label": "2004-02-30"}
    assert read_spec(written(tmp_path, "name: ~\nbase: {}\n")).name == "sweep"
