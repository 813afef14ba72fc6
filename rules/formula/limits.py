"""Limits of a formula's size, each far above what people write, so that a check takes milliseconds; and timeframes."""

MAX_CHARACTERS = 2_000  # of one text
MAX_NODES = 200  # of one text's expressions
MAX_DEPTH = 30  # of parentheses, and of expressions in expressions
MAX_NAMES = 40  # that one rule may assign
MAX_NAME_CHARACTERS = 30  # of an input
MAX_WORD_CHARACTERS = 31  # of any name, as of a column of prices
MAX_BARS = 5_000  # of a window: twenty years of days
LARGEST = 1e15  # of a plain number: above it floats do not distinguish neighbouring whole numbers
# lengths of timeframes that a text may name, and of those that its bars may have
LENGTHS_S = {
    "1m": 60, "5m": 300, "15m": 900, "30m": 1_800, "1h": 3_600, "4h": 14_400,
    "1d": 86_400, "1w": 604_800, "1mo": 2_629_746,
}  # fmt: skip
