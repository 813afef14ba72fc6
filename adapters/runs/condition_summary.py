"""Summary of a rule's conditions over a run: how often each part was true, and its closest miss."""

from collections.abc import Sequence

from adapters.runs.reasons import BarState, Condition, comparisons, requirement
from contracts.run_result import ConditionSummary
from contracts.values import Values

# the side that opens positions; otherwise both do
OPENING = {"longonly": ("buy",), "shortonly": ("sell",)}
Head = Values  # the lines, and the conditions of both sides: see adapters.runs.lines.counted


def condition_summaries(head: Head, dates: Sequence[str]) -> list[ConditionSummary]:
    """Summarize each comparison of the rule, buy before sell; dates: of the traded bars."""
    return [
        {
            "side": side,
            "member": member,
            "words": requirement(condition, head["lines"]),
            "bars": len(dates),
            "true": condition["true"],
            "unknown": condition["unknown"],
            **_nearest(condition, head, dates),  # type: ignore[typeddict-item]  # both of its keys
        }
        for side in ("buy", "sell")
        for member, condition in comparisons(head[side])
    ]


def _nearest(condition: Condition, head: Head, dates: Sequence[str]) -> dict[str, str | None]:
    if not condition.get("nearest"):
        return {"nearest_date": None, "nearest": None}
    bar, *numbers = condition["nearest"]
    sides = (side.get("line") for side in condition["of"])
    values = dict(zip(sides, numbers, strict=True))
    state = BarState(head["lines"], values.__getitem__, lambda _: -1)
    return {"nearest_date": dates[bar], "nearest": state.explain(condition)}


def held_back(summaries: Sequence[ConditionSummary], side: str) -> str:
    """Say in sentences which parts kept a side of the rule from holding; "" without summaries."""
    parts = [each for each in summaries if each["side"] == side]
    sentences = [_sentence(each) for each in sorted(parts, key=lambda each: each["true"])]
    if len(parts) > 1 and all(each["true"] for each in parts):
        sentences.append("What the rule wants of them together never came about.")
    return " ".join([f"To {side}:", *sentences]) if parts else ""


def _sentence(part: ConditionSummary) -> str:
    unknown = f", unknown on {part['unknown']:,}" if part["unknown"] else ""
    words = f"{part['words']} held on {part['true'] or 'none'} of {part['bars']:,} bars{unknown}"
    if part["true"] or part["nearest"] is None:
        return f"{words}."
    return f"{words}; it came closest on {part['nearest_date']}: {part['nearest']}."
