"""Backtests on a running platform: `Client` for programs and notebooks, the command `backtests` for whole sweeps."""

from backtests.client import Client, Plan, Submitted
from backtests.transport import BacktestsError, BadInput, Refused, Unreachable

__version__ = "1.0.0"

__all__ = ["BacktestsError", "BadInput", "Client", "Plan", "Refused", "Submitted", "Unreachable"]
