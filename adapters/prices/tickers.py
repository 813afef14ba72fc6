"""What may name a ticker, and the file of its prices."""

import re

TICKER = re.compile(r"[A-Z0-9.^=-]{1,15}", re.ASCII)
FILE_NAME = re.compile(r"([A-Z0-9.^=-]{1,15}?)(?:_(1h|5m))?\.csv", re.ASCII)


def is_ticker(text: str) -> bool:
    """Whether `text` may name a ticker: 1–15 of A–Z 0–9 . ^ = -, and no two dots in a row."""
    return TICKER.fullmatch(text) is not None and ".." not in text
