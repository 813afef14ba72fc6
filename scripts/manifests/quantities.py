"""Kubernetes quantities as numbers."""

_MEMORY = {"Ki": 1 / 1024, "Mi": 1.0, "Gi": 1024.0}


def cores(quantity: str) -> float:
    """CPU cores: "200m" is 0.2."""
    return float(quantity[:-1]) / 1000 if quantity.endswith("m") else float(quantity)


def mebibytes(quantity: str) -> float:
    """MiB of a quantity in Ki, Mi or Gi; ValueError for the others, which nobody means."""
    number, unit = quantity[:-2], quantity[-2:]
    if unit not in _MEMORY:
        raise ValueError(f"{quantity!r}: a quantity in Ki, Mi or Gi is expected")
    return float(number) * _MEMORY[unit]
