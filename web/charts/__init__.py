"""Charts and tables of bars, drawn from a run's series."""
