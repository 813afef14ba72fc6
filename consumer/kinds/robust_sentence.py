"""One sentence on the robustness of a run: what the result survives, and what it hangs on."""

from collections.abc import Iterator, Sequence

from contracts.values import Json, Values

SAFE_MULTIPLE = 2  # of the asked costs that a result should survive
SAFE_SHARE = 0.75  # of neighbours, or of later starts, that should be ahead too
FEW_TRADES = 3  # without which the result should still earn money


def robust_sentence(facts: Values) -> str:
    """Sum up the parts of a robustness; facts: run, exposure_pct, fee_rate, and the parts or None."""
    run, exposure = facts["run"], facts["exposure_pct"]
    if not run["num_trades"]:
        return "It made no trade, so there is nothing to test."
    if exposure is None:
        return "The account lost everything, so there is nothing to test."
    if run["edge_pct"] is None:
        return "Its position never changed, so there is no timing to test."
    short = "short " if exposure < 0 else ""
    position = f"a constant {abs(exposure):.0f}% {short}position in {facts['asset']}"
    if run["edge_pct"] <= 0:
        return f"It was {-run['edge_pct']:.1f}% a year behind {position}: there is no edge to test.{_risk(facts)}"
    findings = list(_findings(facts))
    strong = [text for holds, text in findings if holds]
    weak = [text for holds, text in findings if not holds]
    lead = f"It was {run['edge_pct']:.1f}% a year ahead of {position}"
    if not weak:
        return f"{lead} and stays ahead {_joined(strong)}.{_among(facts)}{_risk(facts)}"
    survived = f" It stays ahead {_joined(strong)}." if strong else ""
    return f"{lead}, but {_joined(weak)}.{survived}{_among(facts)}{_risk(facts)}"


def _findings(facts: Values) -> Iterator[tuple[bool, str]]:
    """Yield for each part that has a value: True if the result survives it, and the words for either."""
    if costs := facts["costs"]:
        yield _of_costs(costs, facts["fee_rate"])
    if delays := facts["delays"]:
        lost = [each["fill"] for each in delays if not each["ahead"]]
        gone = f"with fills {lost[0]} the edge is gone" if lost else ""
        yield not lost, gone or f"with fills {delays[-1]['fill']}"
    if around := facts["neighbours"]:
        holds = around["ahead"] >= SAFE_SHARE * around["count"]
        share = f"{around['ahead']} of {around['count']} neighbouring settings"
        peak = "it is a lonely peak: only " if around["is_lonely"] else "only "
        yield holds, f"at {share}" if holds else f"{peak}{share} are ahead"
    if without := facts["without_best"]:
        fatal = [each["trades"] for each in without if each["return_pct"] <= 0]
        if fatal and fatal[0] <= FEW_TRADES:
            trades = "trade" if fatal[0] == 1 else f"{fatal[0]} trades"
            yield False, f"without its best {trades} it earns nothing"
    if starts := facts["starts"]:
        ahead = sum(each["ahead"] for each in starts)
        holds = ahead >= SAFE_SHARE * len(starts)
        words = f"at {ahead} of {len(starts)} later starts"
        yield holds, words if holds else f"only {words} is it ahead"


def _of_costs(costs: Json, fee_rate: float) -> tuple[bool, str]:
    until = costs["ahead_until"]
    if until is None:
        return False, "it is behind even without fees"
    holds = until >= SAFE_MULTIPLE * fee_rate
    words = f"up to a fee of {until * 100:.2g}% a side"
    return holds, words if holds else f"a fee of {until * 100:.2g}% a side ends that"


def _among(facts: Values) -> str:
    tried = facts["tried"]
    if not tried or tried["trials"] == 1:
        return ""
    return (
        f" The best of the {tried['trials']:,} rules that were tried on these bars here would show a timing Sharpe "
        f"ratio of about {tried['luck_sharpe_ratio']:.1f} by luck; this one has {tried['sharpe_ratio']:.1f}."
    )


def _risk(facts: Values) -> str:
    luck = facts["luck"]
    if luck is None:
        return ""
    low, high = luck["cagr"][0], luck["cagr"][-1]
    return (
        f" In other orders of its returns it would have made {low:+.1f}% to {high:+.1f}% a year in nine of ten cases."
    ).replace("-", "−")


def _joined(texts: Sequence[str]) -> str:
    *first, last = texts
    return f"{', '.join(first)} and {last}" if first else last
