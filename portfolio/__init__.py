"""Several assets in one account: legs in, fills, contributions and an equity curve out.

The arithmetic is the engine's: orders, prices, whole or fractional shares, fees and stops are those of a run, so that
one leg with the whole account equals its run bit for bit. docs/portfolios.md explains each rule.
"""
