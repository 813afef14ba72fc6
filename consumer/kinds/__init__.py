"""The computation of each kind of Job."""
