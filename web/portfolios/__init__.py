"""Portfolios: several legs in one account, as pages and as JSON."""
