"""Rules written in Python: read as syntax everywhere, executed in the sealed process of a Job only."""
