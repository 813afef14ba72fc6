"""Screens: a grid of parameters tried in one Job per ticker."""
