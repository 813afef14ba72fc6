"""Limits of a formula's size; each is far above what people write, and keeps a check within milliseconds."""

MAX_CHARACTERS = 2_000  # of one text
MAX_NODES = 200  # of one text's expressions
MAX_DEPTH = 30  # of parentheses, and of expressions in expressions
MAX_NAMES = 40  # that one rule may assign
MAX_NAME_CHARACTERS = 30
MAX_BARS = 5_000  # of a window: twenty years of days
LARGEST = 1e15  # of a plain number: above it floats do not distinguish neighbouring whole numbers
