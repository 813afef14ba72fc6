"""The process of one Job: pop, claim, run in a child process, record the outcome."""
