"""Whatever JSON a client sends as params is either explained or usable; it never raises."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rules.catalog import RULES, check_params, checked_rule, complete_params
from rules.registry import build_rule
from tests.rules.loops import SINGLE

# the same examples every time, and no clock: a busy machine must not fail a test
unhurried = settings(
    max_examples=300,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)

NAMES = sorted(
    {param.name for rule in RULES.values() for param in rule.params} | {"rule_type", "params"}
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(sorted(RULES))
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=6)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(), inner, max_size=5)
    ),
    max_leaves=20,
)


def likely(param):
    """Mostly values that could be meant, bounds included and just missed."""
    if param.kind == "choice":
        return st.sampled_from(param.choices)
    if param.kind == "text":
        return st.sampled_from(["close > n", "close > 1", "n = 2\nclose > n", "", "close >"])
    if param.kind == "code":
        return st.sampled_from(
            ["def on_bar(bars, n=2): pass", "def signals(bars, n=2, m=1.5): pass", "", "def ("]
        )
    if param.kind == "inputs":
        return st.dictionaries(
            st.sampled_from(["n", "m", "1"]), st.integers() | st.floats(), max_size=2
        )
    if param.kind == "int":
        return st.integers(param.minimum - 1, param.maximum + 1)
    return st.floats(param.minimum - 0.5, param.maximum + 0.5)


def likely_params(rule_type):
    return st.fixed_dictionaries(
        {},
        optional={
            param.name: likely(param)
            for param in RULES[rule_type].params
            if param.kind != "rules"
        },
    )


@unhurried
@given(rule_type=SCALARS | st.sampled_from(sorted(RULES)), params=JSON)
def test_any_json_is_explained_or_usable(rule_type, params):
    assert_explained_or_usable(rule_type, params)


@unhurried
@given(data=st.data(), rule_type=st.sampled_from(sorted(RULES)))
def test_params_near_the_bounds_are_explained_or_usable(data, rule_type):
    params = data.draw(likely_params(rule_type))
    if rule_type == "COMPOSITE":
        members = st.sampled_from(SINGLE).flatmap(
            lambda name: st.fixed_dictionaries(
                {"rule_type": st.just(name), "params": likely_params(name)}
            )
        )
        params["rules"] = data.draw(st.lists(members, min_size=1, max_size=6))

    assert_explained_or_usable(rule_type, params)


def assert_explained_or_usable(rule_type, params):
    faults = check_params(rule_type, params)

    assert all(
        isinstance(field, str) and isinstance(message, str) and message
        for field, message in faults.items()
    )
    if not faults:
        assert build_rule(rule_type, params).params == complete_params(rule_type, params)
        assert 0 < len(checked_rule(rule_type, params).label) <= 64
        # a formula of prices alone needs none
        assert checked_rule(rule_type, params).warmup_bars() >= 0
