"""Adapters to the outside world, one package per subject; settings and logs serve all of them."""
