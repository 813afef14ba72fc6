"""Explanation of a bar: lines in windows, and the rule and the account in words."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator

from tests.web.conftest import RunMaker

MACD = r"MACD\(12, 26, 9\) \S+ does not cross above MACD signal\(12, 26, 9\) \S+"


def lines_of(client: FlaskClient, run_id: str, query: str = ""):
    answer = client.get(f"/api/runs/{run_id}/lines{query}")
    assert answer.status_code == 200, answer.text
    return answer.json


def bar_of(client: FlaskClient, run_id: str, bar: int):
    answer = client.get(f"/api/runs/{run_id}/explanation?bar={bar}")
    assert answer.status_code == 200, answer.text
    return answer.json


def test_the_lines_of_a_run_are_those_that_its_rule_looks_at(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    document = lines_of(browser_client, make_run())

    (line,) = document.pop("lines")
    assert document == {"total": 1259, "first": 0, "bars_per_point": 1}
    assert {name: line[name] for name in ("name", "pane", "group", "levels")} == {
        "name": "RSI(14)",
        "pane": "below",
        "group": "RSI(14)",
        "levels": [30, 70],
    }
    assert len(line["values"]) == 1259
    assert all(0 <= value <= 100 for value in line["values"])


def test_a_line_without_a_value_yet_is_null(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    dates = {"ticker": "IBM", "start_date": "2000-03-01", "end_date": "2001-03-01"}
    (line,) = lines_of(browser_client, make_run(**dates), "?to=20")["lines"]

    assert [value is None for value in line["values"]] == [True] * 14 + [False] * 6


def test_a_window_has_the_last_value_of_each_group(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    run_id = make_run()
    (whole,) = lines_of(browser_client, run_id)["lines"]

    part = lines_of(browser_client, run_id, "?from=100&to=111&max=4")

    assert (part["first"], part["bars_per_point"]) == (100, 3)
    assert part["lines"][0]["values"] == [whole["values"][bar] for bar in (102, 105, 108, 110)]


def test_a_window_that_is_none_is_refused_by_field(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    run_id = make_run()
    for query in (
        "?from=-1",
        "?from=1259",
        "?to=0",
        "?to=1260",
        "?from=9&to=9",
        "?max=0",
        "?max=x",
    ):
        answer = browser_client.get(
            f"/api/runs/{run_id}/lines{query}", headers={"Accept": "application/json"}
        )

        assert (query, answer.status_code, len(answer.json["errors"])) == (query, 400, 1)


def test_a_bar_with_a_signal_says_why_and_what_was_done(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    run_id = make_run()
    result = browser_client.get(f"/api/runs/{run_id}").json
    dates = [point["date"] for point in result["equity_curve"]]
    bar = dates.index(result["trades"][0]["entry_timestamp"][:10])
    (line,) = lines_of(browser_client, run_id)["lines"]

    explanation = bar_of(browser_client, run_id, bar)

    words = f"RSI(14) {line['values'][bar]:.4g} < 30"
    assert (explanation["bar"], explanation["date"], explanation["signal"]) == (
        bar,
        dates[bar],
        "buy",
    )
    assert explanation["sides"]["buy"] == {"met": True, "words": words}
    assert explanation["conditions"][0] == {"side": "buy", "words": words, "met": True}
    assert explanation["conditions"][1]["met"] is False
    assert explanation["sentence"].startswith(f"{words} → buy; a long position of ")


def test_a_bar_without_a_signal_says_what_held_it_back(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    run_id = make_run(rule_type="RSI_MACD", params={"overbought": 55.0})
    explanations = [bar_of(browser_client, run_id, bar) for bar in range(200)]

    held_back = [
        each["sides"]["buy"]["words"] for each in explanations if each["signal"] == "none"
    ]
    assert any(re.fullmatch(rf"RSI\(14\) 4\S+ < 55, but {MACD}", words) for words in held_back)


def signalled(client: FlaskClient, run_id: str, signal: str):
    """The explanations of all bars with this signal, in order."""
    result = client.get(f"/api/runs/{run_id}").json
    dates = {point["date"]: bar for bar, point in enumerate(result["equity_curve"])}
    bars = [dates[each["date"]] for each in result["signals"] if each["action"] == signal]
    return [bar_of(client, run_id, bar) for bar in bars]


MACD_RUN = {"rule_type": "MACD", "params": {}}
OFTEN = {"params": {"period": 5, "oversold": 40.0, "overbought": 60.0}}
ACCOUNTS = {
    "a position was open, so nothing was done": ("BUY", {}),
    "no position was open, so there was nothing to sell": ("SELL", {}),
    "the long position was closed at ": ("SELL", {}),
    "a short position of ": ("SELL", {"direction": "longshort"}),
    "was opened at the next open at ": ("BUY", {"fill": "next_open"}),
    "the order was rejected: ": ("BUY", {"position_size": 0.01}),
    "no position was open, so there was nothing to buy back": ("BUY", {"direction": "shortonly"}),
    "closed by its time exit at the next open at ": (
        "SELL",
        MACD_RUN | {"fill": "next_open", "exit_after_bars": 7},
    ),
    "closed by its take profit at the next open at ": (
        "SELL",
        OFTEN | {"fill": "next_open", "take_profit_pct": 2.0},
    ),
    "nothing more was done": ("SELL", MACD_RUN | {"exit_after_bars": 7}),
}


@pytest.mark.parametrize("words", ACCOUNTS)
def test_the_account_says_what_it_did_with_a_signal(
    words: str, browser_client: FlaskClient, make_run: RunMaker
) -> None:
    action, fields = ACCOUNTS[words]

    explanations = signalled(browser_client, make_run(**fields), action)

    matching = [each for each in explanations if any(words in part for part in each["account"])]
    assert matching
    assert all(
        each["signal"] == action.lower() and words in each["sentence"] for each in matching
    )
    assert all(each["account"] for each in explanations)


def test_an_exit_without_a_signal_is_reported_on_its_bar(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    run_id = make_run(stop_loss_pct=5.0)
    result = browser_client.get(f"/api/runs/{run_id}").json
    stopped = next(trade for trade in result["trades"] if trade["exit_reason"] == "stop_loss")
    dates = [point["date"] for point in result["equity_curve"]]

    explanation = bar_of(browser_client, run_id, dates.index(stopped["exit_timestamp"][:10]))

    assert (
        explanation["account"][0]
        == f"the long position was closed by its stop loss at {stopped['exit_price']}"
    )


def test_a_vote_names_the_members_that_agree_and_their_conditions(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    run_id = make_run(rule_type="COMPOSITE", params={"mode": "all"})

    explanation = signalled(browser_client, run_id, "BUY")[0]

    assert (
        explanation["sides"]["buy"]["words"]
        == "2 of 2 members agree (RSI_14_30_70, MACD_12_26_9)"
    )
    assert {each["member"] for each in explanation["conditions"]} == {
        "RSI_14_30_70",
        "MACD_12_26_9",
    }


WORDS = {
    "close < 0.5 * close or close > 2 * close": "close 4.067 ≥ 0.5 * close = 2.033 and close 4.067 ≤ 2 * close = 8.134",
    "not close > 1": "close 4.067 > 1",
    "becomes(close > 1)": "close 4.067 > 1, as on the bar before",
    "above_for(close > 1, 2) and 2 < 1": "close 4.067 > 1 for 2 bars, but this never holds",
    "above_for(close > 1, 5000)": "close 4.067 > 1, but not for 5000 bars",
    "latest(close > 1e6, close > 1)": "close 4.067 > 1",
    "latest(close > 1e6, volume < 0)": "whether close > 1,000,000 or volume < 0 held last is unknown",
    "close > 4.067": "close 4.0668 ≤ 4.067",
    "sma(close, 5000) > 1": "SMA(5000) (no value) > 1 (unknown)",
}


@pytest.mark.parametrize("text", WORDS)
def test_a_condition_that_does_not_hold_says_why(
    text: str, browser_client: FlaskClient, make_run: RunMaker
) -> None:
    run_id = make_run(rule_type="FORMULA", params={"buy": text, "sell": "close < 0"})

    assert bar_of(browser_client, run_id, 0)["sides"]["buy"]["words"] == WORDS[text]


def test_a_run_of_a_batch_says_that_it_has_no_lines(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    run_id = make_run(batch_id="sweep")

    document, bar = lines_of(browser_client, run_id), bar_of(browser_client, run_id, 5)

    assert (document["lines"], bar["sides"], bar["conditions"]) == (None, None, [])
    assert document["note"] == bar["note"]
    assert "Run it again" in document["note"]
    assert bar["sentence"] == "no signal"


@pytest.mark.parametrize(
    "fields", [{}, {"batch_id": "sweep"}, {"rule_type": "COMPOSITE", "params": {}}]
)
def test_answers_are_as_the_api_is_described(
    fields: dict[str, str], browser_client: FlaskClient, make_run: RunMaker
) -> None:
    run_id, document = make_run(**fields), browser_client.get("/api/openapi.json").json
    validator = {"components": document["components"]}

    for name, schema in (("lines", "Lines"), ("explanation", "Explanation")):
        answer = browser_client.get(f"/api/runs/{run_id}/{name}").json
        Draft202012Validator(validator | {"$ref": f"#/components/schemas/{schema}"}).validate(
            answer
        )


def test_a_result_says_how_often_each_part_held_and_how_close_it_came(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    run_id = make_run(params={"oversold": 5.0})
    result = browser_client.get(f"/api/runs/{run_id}").json
    (line,) = lines_of(browser_client, run_id)["lines"]
    closest = min(range(len(line["values"])), key=line["values"].__getitem__)

    buy, sell = result["explanation_summary"]

    assert buy == {
        "side": "buy",
        "member": None,
        "words": "RSI(14) < 5",
        "bars": 1259,
        "true": 0,
        "unknown": 0,
        "nearest_date": result["equity_curve"][closest]["date"],
        "nearest": f"RSI(14) {line['values'][closest]:.4g} ≥ 5",
    }
    assert sell["true"] == sum(value > 70 for value in line["values"])


HELD_BACK = {
    "To buy: RSI(14) &lt; 1 held on none of 1,259 bars; it came closest on 2008-": {
        "params": {"oversold": 1.0}
    },
    "To sell: RSI(14) &gt; 99 held on none of": {
        "params": {"oversold": 1.0, "overbought": 99.0},
        "direction": "longshort",
    },
    "They were never all met on the same bar.": {
        "rule_type": "FORMULA",
        "params": {"buy": "rsi(close) < 30 and rsi(close) > 70", "sell": "close < 0"},
    },
}


@pytest.mark.parametrize("words", HELD_BACK)
def test_a_run_without_trades_says_what_held_it_back(
    words: str, browser_client: FlaskClient, make_run: RunMaker
) -> None:
    page = browser_client.get(f"/result/{make_run(**HELD_BACK[words])}").text

    assert words in page
    assert "Loosen its parameters" not in page


def test_a_run_of_a_batch_without_trades_says_what_to_try(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    run_id = make_run(batch_id="sweep", params={"oversold": 1.0, "overbought": 99.0})

    assert "Loosen its parameters" in browser_client.get(f"/result/{run_id}").text


def test_a_run_that_has_not_completed_has_no_lines(
    browser_client: FlaskClient, make_run: RunMaker
) -> None:
    run_id = make_run("pending")

    answers = [
        browser_client.get(f"/api/runs/{run_id}/{name}") for name in ("lines", "explanation")
    ]

    assert [answer.status_code for answer in answers] == [409, 409]
