"""Access: tokens, owners of runs and plans, and the audit."""
