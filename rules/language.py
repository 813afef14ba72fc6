"""Languages of FORMULA's texts and PYTHON's code, for forms, API and docs; apart from what every Job imports."""

from rules.formula.compiling import doubts, series_fault, text_faults
from rules.formula.examples import EXAMPLES
from rules.formula.functions import FUNCTIONS, SERIES
from rules.formula.graph import Market
from rules.formula.text import FormulaError, filled_texts, free_names, open_names
from rules.python.examples import EXAMPLES as PYTHON_EXAMPLES
from rules.python.source import Source, SourceError, read_source

__all__ = [
    "EXAMPLES",
    "FUNCTIONS",
    "PYTHON_EXAMPLES",
    "SERIES",
    "FormulaError",
    "Market",
    "Source",
    "SourceError",
    "doubts",
    "filled_texts",
    "free_names",
    "open_names",
    "read_source",
    "series_fault",
    "text_faults",
]
