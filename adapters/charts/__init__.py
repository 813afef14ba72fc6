"""The PNG charts of a run, drawn by Matplotlib in the Job."""
