"""The parts of docs/ that are written from code."""
