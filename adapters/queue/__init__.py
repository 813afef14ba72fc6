"""The Redis queue: messages, the lists in which they wait, history, and liveness."""
