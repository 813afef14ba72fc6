"""What the texts of FORMULA can say, for forms, API and docs; apart from the catalog, which every Job pays for."""

from rules.formula.compiling import doubts as doubts
from rules.formula.compiling import series_fault as series_fault
from rules.formula.compiling import text_faults as text_faults
from rules.formula.examples import EXAMPLES as EXAMPLES
from rules.formula.functions import FUNCTIONS as FUNCTIONS
from rules.formula.functions import SERIES as SERIES
from rules.formula.text import FormulaError as FormulaError
from rules.formula.text import filled_texts as filled_texts
from rules.formula.text import free_names as free_names
