"""Batches: many runs in one call, and what has become of them."""
