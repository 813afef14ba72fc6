"""Batches: submission of many runs in one call, their progress and results."""
