"""Screens: a whole grid in one Job, of which the metrics alone are kept."""
