"""Parsers of settings; each raises ValueError with what is accepted."""

from collections.abc import Callable

Parser = Callable[[str], object]


def positive(kind: type[int] | type[float]) -> Parser:
    """Make a parser of positive numbers."""

    def parse(text: str) -> int | float:
        try:
            number = kind(text)
        except ValueError:
            number = 0
        if not 0 < number < 1e12:
            raise ValueError(
                f"a positive {'whole number' if kind is int else 'number'} is expected"
            )
        return number

    return parse


def whole(accepted: range, fault: str) -> Parser:
    """Make a parser of whole numbers in a range."""

    def parse(text: str) -> int:
        if not text.isdecimal() or int(text) not in accepted:
            raise ValueError(fault)
        return int(text)

    return parse


port_number = whole(range(1, 65536), "a number from 1 to 65535 is expected")


def one_of(*accepted: str) -> Parser:
    """Make a parser that accepts one of these words."""

    def parse(text: str) -> str:
        if text not in accepted:
            raise ValueError(f"accepted: {', '.join(accepted)}")
        return text

    return parse


def word_list(text: str) -> tuple[str, ...]:
    """Split words at commas."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def token_list(text: str) -> tuple[str, ...]:
    """Split tokens at commas; each has at least 16 characters."""
    tokens = word_list(text)
    if any(len(token) < 16 for token in tokens):
        raise ValueError("each token, separated by commas, has at least 16 characters")
    return tokens


def boolean(text: str) -> bool:
    """Parse true or false."""
    return one_of("true", "false")(text) == "true"
