"""`python -m consumer.job.template`: a process that has imported what a Job needs, and forks one Job per request.

The local scaler starts it with a socket as its standard input. A request is the path of a Job's ready file; the answers
are `ready` once, `started <pid>` for each request, and `ended <pid> <exit code>`. It exits when its socket is closed,
and without an answer when a module that it has loaded was changed; the scaler then starts another one.

The standard library's forkserver was tried in its place. When its server is killed it reports exit code 255 for Jobs
that are still alive, when the server hangs `start()` blocks forever, and nothing public says that a server is ready,
or ends it when a module or the manifest has changed.
"""

from consumer.job.termination import termination

termination.install()  # for the Jobs, which inherit the handlers

import gc

gc.disable()  # as in a plain Job; a collection would also copy the pages that Jobs share

# ruff: noqa: E402, F401  # the imports below, some of which only Jobs use, come after the handlers
import os
import secrets
import signal
import socket
import sys
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import NoReturn

import pymysql
import sqlalchemy.dialects.mysql.pymysql
import sqlalchemy.dialects.sqlite
from sqlalchemy import make_url

import consumer.job.task
import consumer.kinds.draw_charts
import consumer.kinds.portfolio
import consumer.kinds.robustness
import consumer.kinds.screen
import consumer.sealed.evaluator
import rules.explanation
import rules.formula.compiling
import rules.formula.evaluation
from adapters.settings import PROJECT_ROOT
from consumer.job import worker


def main() -> None:
    """Fork one Job per request of the scaler."""
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        sys.exit(
            "template: an import has started a thread, which a forked Job would lack; Jobs start as plain processes"
        )
    requests = socket.socket(fileno=sys.stdin.fileno())
    signal.signal(signal.SIGCHLD, lambda signum, frame: report_ended(requests))
    load_lazy_parts()
    versions = source_versions()
    requests.send(b"ready")
    with suppress(FileNotFoundError):  # a module is gone
        while (ready_file := requests.recv(4096).decode()) and source_versions() == versions:
            pid = os.fork()
            if pid == 0:
                run_job(requests, ready_file)
            requests.send(b"started %d" % pid)


def load_lazy_parts() -> None:
    """Make libraries load and compile what they put off until first use: 5 ms of each Job."""
    make_url("sqlite://")
    "localhost".encode("idna")
    # in the format in which RQ dates its messages
    datetime.strptime("2000-01-01T00:00:00.000000Z", "%Y-%m-%dT%H:%M:%S.%fZ")


def source_versions() -> dict[str, int]:
    """Time of the last change of each loaded source file of ours, in nanoseconds."""
    files = {getattr(module, "__file__", None) or "" for module in sys.modules.values()}
    return {
        file: Path(file).stat().st_mtime_ns
        for file in files
        if file.startswith(f"{PROJECT_ROOT}/") and "site-packages" not in file
    }


def run_job(requests: socket.socket, ready_file: str) -> NoReturn:
    """Run one Job in the forked process, in its own session, as `python -m consumer` does after its imports."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    requests.close()
    # takes the place of the socket, which was the standard input
    os.open(os.devnull, os.O_RDONLY)
    os.environ["READY_FILE"] = ready_file
    termination.exit(worker.main())


def report_ended(requests: socket.socket) -> None:
    """Send the exit code of each Job that has ended, and only then release its pid, so that no code is lost."""
    with suppress(ChildProcessError):  # none is left
        while ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            exit_code = ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
            requests.send(b"ended %d %d" % (ended.si_pid, exit_code))
            os.waitpid(ended.si_pid, 0)


if __name__ == "__main__":
    main()
