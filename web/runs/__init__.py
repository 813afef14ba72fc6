"""Runs: the form, the list, one run, its numbers, and what can be done to it."""
