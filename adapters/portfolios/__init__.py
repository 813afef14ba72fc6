"""Portfolios: several legs in one account, as they are recorded, and what their Jobs found."""
