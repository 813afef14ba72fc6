"""How the work horse's outcome reaches its parent: by exit code, since both databases may be away."""

from enum import IntEnum


class HorseExit(IntEnum):
    """Exit codes of the work horse; any other code or signal means that it died."""

    SUCCEEDED = 0  # result and SUCCEEDED are committed
    FAILED = 10  # FAILED and its reason are committed
    OVERTAKEN = 11  # another process owns the run; nothing was written
    NOT_PERSISTED = 12  # the database was away for too long
