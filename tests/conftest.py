"""Fixtures for all tests; standard library and pytest only at the top, since the peers environment loads this too."""
