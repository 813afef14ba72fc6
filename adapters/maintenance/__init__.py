"""Maintenance: retention by age, and sizes of the data."""
