"""`python -m tests.services.forked_job FILE`: forks one Job from a warm template and ends as it does.

The Job's pid is written to FILE, since signals are for the Job itself.
"""

import os
import select
import sys
from pathlib import Path

from consumer.scaler.children import Template


def main(pid_file: Path) -> int:
    """The Job's exit code; a signal that killed it kills this process, too."""
    codes: dict[int, int] = {}
    template = Template({}, codes)
    while not template.is_ready:
        hear(template)
    pid = template.fork(Path(os.environ.get("READY_FILE", pid_file.with_suffix(".ready"))))
    pid_file.with_suffix(".new").write_text(str(pid))
    pid_file.with_suffix(".new").rename(pid_file)
    while pid not in codes:
        hear(template)
    if codes[pid] < 0:
        os.kill(os.getpid(), -codes[pid])
    return codes[pid]


def hear(template: Template) -> None:
    """Wait until the template says something, and note it."""
    select.select([template], [], [])
    template.hear()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
