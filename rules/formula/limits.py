"""How large a formula may be; each bound is far above what people write, and keeps a check within milliseconds."""

MAX_CHARACTERS = 2_000  # of one text
MAX_NODES = 200  # of one text's expressions
MAX_DEPTH = 30  # of parentheses, and of expressions in expressions
MAX_NAMES = 40  # that one rule may give
MAX_NAME_CHARACTERS = 30
MAX_BARS = 5_000  # of a window: twenty years of days
LARGEST = 1e15  # of a plain number: above it not every whole number can be told from the next
