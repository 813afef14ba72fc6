"""A rule's params side by side, as axes, columns and comparisons need them, and back."""

from collections.abc import Mapping

from contracts.values import Json, Values


def flat_params(params: Values) -> Json:
    """Params by name, those inside another one by a dotted name: {"inputs": {"fast": 5}} has inputs.fast.

    Of an input with bounds, {value, min, max}, it is the value.
    """
    flat: Json = {}
    for name, value in params.items():
        # twice as quick as Mapping, and 20,000 runs are read for one page
        if isinstance(value, dict):
            flat |= {
                f"{name}.{part}": given.get("value") if isinstance(given, dict) else given
                for part, given in value.items()
            }
        else:
            flat[name] = value
    return flat


def with_params(fixed: Values, given: Values) -> Json:
    """`fixed` with `given` on top, in which inputs.fast is the input `fast`; one that has bounds keeps them."""
    params = dict(fixed)
    for name, value in given.items():
        group, _, part = name.partition(".")
        if not part:
            params[name] = value
            continue
        inside = params[group] if isinstance(params.get(group), Mapping) else {}
        bounds = inside.get(part)
        params[group] = {
            **inside,
            part: {**bounds, "value": value} if isinstance(bounds, Mapping) else value,
        }
    return params
