"""`python -m consumer`: pop one message, run it, persist the result, exit.

Exit code 0: the run succeeded or was handed back, its message was stale, or the queue was empty. 1: the run failed, or
nothing could be persisted.
"""

from consumer.job.termination import termination

termination.install()  # before the imports below, which take so long that a signal could get lost

import gc  # noqa: E402

# the process lives for one run, and collections among freshly imported modules take a tenth of its start
gc.disable()

from consumer.job.worker import main  # noqa: E402

if __name__ == "__main__":
    termination.exit(main())
