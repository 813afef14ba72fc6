"""Studies: plans of many runs that end in a verdict."""
