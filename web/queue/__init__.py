"""The queue, now and over time."""
