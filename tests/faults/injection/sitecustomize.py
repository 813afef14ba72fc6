"""Found by any Python whose PYTHONPATH names this folder: makes one named function of the program misbehave.

FAULT_AT is `module:function` or `module:Class.function`, where the name is looked up by its caller; FAULT_DO says what
happens there, before or after (FAULT_WHEN) the function itself; FAULT_TIMES is how often, over all processes.
"""

import collections
import errno
import importlib.abc
import importlib.machinery
import itertools
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

MODULE, _, NAME = os.environ.get("FAULT_AT", "").partition(":")
DIRECTORY = Path(os.environ.get("FAULT_DIR", "."))
HOUR_S = 3600.0


def pause() -> None:
    while not (DIRECTORY / "go").exists():
        time.sleep(0.01)


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def stick_in_c() -> None:
    """Never return to the interpreter, so that no Python signal handler runs."""
    collections.deque(itertools.repeat(0), maxlen=0)


def eat_memory() -> None:
    eaten = [bytes(64 * 1024 * 1024) + b"x" for _ in range(1_000)]
    raise AssertionError(f"{len(eaten)} times 64 MB were granted")


def refuse_nan() -> None:
    json.dumps(float("nan"), allow_nan=False)


def fail() -> None:
    raise RuntimeError("injected fault")


def find_no_process() -> None:
    raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))


def deadlock() -> None:
    """Raise the database's error for a deadlock of two transactions."""
    import pymysql
    from sqlalchemy.exc import OperationalError

    raise OperationalError("UPDATE", {}, pymysql.OperationalError(1213, "Deadlock found"))


ACTIONS: dict[str, Callable[[], None]] = {
    "pause": pause,
    "kill": kill,
    "stick_in_c": stick_in_c,
    "eat_memory": eat_memory,
    "fail": fail,
    "refuse_nan": refuse_nan,
    "deadlock": deadlock,
    "find_no_process": find_no_process,
}


def is_due() -> bool:
    """True for the first FAULT_TIMES calls; each leaves a file, which the test waits for."""
    for number in range(int(os.environ.get("FAULT_TIMES", "1"))):
        try:
            (DIRECTORY / f"reached-{number}").touch(exist_ok=False)
            return True
        except FileExistsError:
            continue
    return False


def faulty(function: Callable[..., Any]) -> Callable[..., Any]:
    do, after = os.environ["FAULT_DO"], os.environ.get("FAULT_WHEN") == "after"
    if do == "return_a_dict":  # which no database takes for a number or text
        return lambda *arguments, **options: {} if is_due() else function(*arguments, **options)
    action = ACTIONS[do]

    def call(*arguments: Any, **options: Any) -> Any:
        if after:
            result = function(*arguments, **options)
            if is_due():
                action()
            return result
        if is_due():
            action()
        return function(*arguments, **options)

    return call


class PatchingLoader(importlib.abc.Loader):
    """Runs the module as usual and replaces names in it."""

    def __init__(
        self, loader: importlib.abc.Loader, patches: list[Callable[[ModuleType], None]]
    ) -> None:
        self._loader = loader
        self._patches = patches

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        for patch in self._patches:
            patch(module)


class Finder(importlib.abc.MetaPathFinder):
    """Finds the same modules as the usual finder, but patches them."""

    def __init__(self, patches: dict[str, list[Callable[[ModuleType], None]]]) -> None:
        self._patches = patches

    def find_spec(
        self, name: str, path: Any, target: Any = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name not in self._patches:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec and spec.loader:
            spec.loader = PatchingLoader(spec.loader, self._patches[name])
        return spec


def make_faulty(module: ModuleType) -> None:
    owner_name, _, function_name = NAME.rpartition(".")
    owner = getattr(module, owner_name) if owner_name else module
    setattr(owner, function_name, faulty(getattr(owner, function_name)))


def move_rq_clock(module: ModuleType) -> None:
    right_now = module.now
    module.now = lambda: right_now() + module.datetime.timedelta(seconds=CLOCK_OFF_S)
    module.current_timestamp = lambda: int(time.time())


def set_constant(module: ModuleType) -> None:
    setattr(module, CONSTANT, float(VALUE))


patches: dict[str, list[Callable[[ModuleType], None]]] = collections.defaultdict(list)
if MODULE:
    patches[MODULE].append(make_faulty)
OWNER, _, ASSIGNMENT = os.environ.get("FAULT_CONSTANT", "").partition(":")  # module:NAME=seconds
CONSTANT, _, VALUE = ASSIGNMENT.partition("=")
if OWNER:
    patches[OWNER].append(set_constant)
if CLOCK_OFF_S := float(os.environ.get("FAULT_CLOCK_S", "0")):
    true_time = time.time
    time.time = lambda: true_time() + CLOCK_OFF_S
    patches["rq.utils"].append(move_rq_clock)
sys.meta_path.insert(0, Finder(patches))
