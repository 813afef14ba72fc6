"""`python -m tests.services.forked_job FILE`: fork one Job from a warm template and exit with its code.

The Job's pid is written to FILE, since signals are sent to the Job itself.
"""

import os
import select
import sys
from pathlib import Path

from consumer.job_processes import Template


def main(pid_file: Path) -> int:
    """Return the Job's exit code; a signal that killed it kills this process, too."""
    codes: dict[int, int] = {}
    template = Template({}, codes)
    while not template.is_ready:
        wait_for_answer(template)
    pid = template.fork(Path(os.environ.get("READY_FILE", pid_file.with_suffix(".ready"))))
    pid_file.with_suffix(".new").write_text(str(pid))
    pid_file.with_suffix(".new").rename(pid_file)
    while pid not in codes:
        wait_for_answer(template)
    if codes[pid] < 0:
        os.kill(os.getpid(), -codes[pid])
    return codes[pid]


def wait_for_answer(template: Template) -> None:
    """Wait until the template sends an answer, and record it."""
    select.select([template], [], [])
    template.read_answers()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
