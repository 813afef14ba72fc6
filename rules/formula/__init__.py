"""Rules written as formulas: parsed and checked without numpy, evaluated over arrays, never executed as Python."""
