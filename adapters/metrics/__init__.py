"""Every metric of a run as one entry: its words and the function that computes it; the table is in `table`."""
