"""States of a Job or a plan until it has ended, to read in a loop, with `async for`, or with a progress bar."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from backtests.transport import Json

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 1.0  # between two reads
LIVING = ("pending", "running")
LIVING_STUDY = ("accepted", "training", "testing", "judging")
State = TypeVar("State", bound=Json)


def has_ended(state: Json) -> bool:
    """Return whether a run, a screen, a portfolio, a study or all runs of a batch have ended."""
    if "status" not in state:  # of a batch
        return not any(state["counts"][each] for each in LIVING)
    return state["status"] not in (*LIVING, *LIVING_STUDY)


def progress_of(state: Json) -> tuple[int, int]:
    """Return how many runs or combinations have ended, and of how many."""
    if "combinations" in state:
        return state["done"], state["combinations"]
    if counts := state.get("counts"):
        return counts["completed"] + counts["failed"], sum(counts.values())
    return int(has_ended(state)), 1


class Following(Generic[State]):
    """Successive states, the last one ended; `for` and `async for` read and wait, longer each time up to a second.

    bar: show a progress bar, if tqdm is installed.
    """

    def __init__(
        self,
        read: Callable[[], State],
        name: str,
        bar: bool = False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._read, self._name, self._bar, self._sleep = read, name, bar, sleep

    def __iter__(self) -> Iterator[State]:
        with self._progress() as show:
            for pause_s in _pauses():
                yield (state := show(self._read()))
                if has_ended(state):
                    return
                self._sleep(pause_s)

    async def __aiter__(self) -> AsyncIterator[State]:
        with self._progress() as show:
            for pause_s in _pauses():
                yield (state := show(await asyncio.to_thread(self._read)))
                if has_ended(state):
                    return
                await asyncio.sleep(pause_s)

    def end(self, seen: Callable[[State], object] = lambda state: None) -> State:
        """Wait for the end and return the last state; `seen` is called with each."""
        for state in self:
            seen(state)
        return state

    @contextmanager
    def _progress(self) -> Iterator[Callable[[State], State]]:
        """Return a function that passes a state on, after it has moved the bar, if there is one."""
        tqdm = _tqdm() if self._bar else None
        if tqdm is None:
            yield lambda state: state
            return
        with tqdm(desc=self._name, total=0) as bar:

            def show(state: State) -> State:
                bar.n, bar.total = progress_of(state)
                bar.refresh()
                return state

            yield show


def _tqdm() -> Any:
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    return tqdm


def _pauses() -> Iterator[float]:
    pause_s = FIRST_PAUSE_S
    while True:
        yield pause_s
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
