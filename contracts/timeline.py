"""Parts of an attempt, which its Job measures and the web tier shows."""

from contracts.values import frozen

# in their order; each ends where the next one begins, the last one at the end of the attempt
JOB_PARTS = (
    "imports",  # from the start of the process
    "picked up",  # the message, after connecting to database and Redis
    "claimed",
    "prices",
    "libraries",  # numpy and engine, in the child process
    "prepared",
    "rule",
    "engine",
    "metrics",
    "stored",
)
CLAIMED, CHARTS = "prices", "charts"  # what begins with the claim, and what may follow the end
MARKS = (*JOB_PARTS, CHARTS, "ended")


@frozen
class Part:
    """A part of an attempt. start: seconds from the submission; in_total: False after the end of the run."""

    attempt: int
    name: str
    start: float
    seconds: float
    in_total: bool
    lost: bool  # the attempt was lost or handed back, and so has to be repeated
