"""Charts of a run and tables of its bars."""
