"""Rules: whether one can be built with given params, before a run is made of it."""
