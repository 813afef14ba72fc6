"""Screens: a grid of parameters looked over in one Job, as a page and as JSON."""
