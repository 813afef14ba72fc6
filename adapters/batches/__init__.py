"""Batches: what they are made of, their rankings, and what their runs say together."""
