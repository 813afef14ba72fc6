"""Rules: the check of params before a run is submitted."""
