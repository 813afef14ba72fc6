"""Language of FORMULA's texts, for forms, API and docs; apart from the catalog, which every Job imports."""

from rules.formula.compiling import doubts, series_fault, text_faults
from rules.formula.examples import EXAMPLES
from rules.formula.functions import FUNCTIONS, SERIES
from rules.formula.text import FormulaError, filled_texts, free_names

__all__ = [
    "EXAMPLES",
    "FUNCTIONS",
    "SERIES",
    "FormulaError",
    "doubts",
    "filled_texts",
    "free_names",
    "series_fault",
    "text_faults",
]
