"""The database: tables, the states of runs and batches, and what pages and programs ask about them."""
