"""Backtests on a running platform: `Client` for programs and notebooks, the command `backtests` for whole sweeps."""

from backtests.bulk import Plan, Submitted
from backtests.client import Client
from backtests.errors import BacktestsError, BadInput, Refused, Unreachable

__version__ = "1.0.0"

__all__ = ["BacktestsError", "BadInput", "Client", "Plan", "Refused", "Submitted", "Unreachable"]
