"""`python -m consumer`: pop one message, run it, persist it, exit.

Exit code 0: the run succeeded, was handed back, its message was stale, or the queue was empty. 1: the run failed, or
nothing could be persisted.
"""

from consumer.job.termination import termination

termination.install()  # before the imports below, which take long enough for a signal to get lost

import gc  # noqa: E402

# the process lives for one run: collecting among freshly imported modules is a tenth of its start
gc.disable()

from consumer.job.worker import main  # noqa: E402

if __name__ == "__main__":
    termination.leave(main())
