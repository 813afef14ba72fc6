"""Runs: the form, the list, one run with its results, and the operations on it."""
