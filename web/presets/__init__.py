"""Presets of the form."""
