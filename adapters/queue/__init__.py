"""The Redis queue: what a message is, how it waits there, and what dead processes leave behind."""
