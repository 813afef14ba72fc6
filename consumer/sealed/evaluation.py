"""One evaluation of a strategy: streamed bar by bar, or computed at once and checked with later bars withheld.

A strategy with `on_bar` gets bar t after its answer for bar t - 1, so later bars do not exist where it runs. One with
`signals` is asked for its last signal on prefixes first, while nobody knows the signals on all bars; only then is it
run on all bars, and asked for those of its signals that were not compared yet. So neither the choice of the first
bars nor the time at which they are asked for can tell it anything about later ones.
"""

import os
import random
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import numpy as np

from consumer.sealed import seal
from consumer.sealed.interpreter import Fork, Interpreter, clean, error_of
from consumer.sealed.protocol import (
    BUY,
    COUNT,
    FAILED,
    MAX_LINES,
    MAX_NAME,
    MAX_PRINTED,
    MORE,
    RECORD,
    SELL,
)
from contracts.errors import (
    CodeError,
    CodeOutOfMemory,
    LookAhead,
    NotDeterministic,
    PlatformError,
)
from contracts.values import Json
from rules.arrays import Array, Signals
from rules.prices import TIME, Prices

CHECK_SHARE = (
    1.0  # of the time for all bars that the checks may take, if that is more than asked for
)
BARS_ON_ONE_CORE = 4096  # then the kernel may choose another core
_PLAIN = bytes([0, BUY, SELL])
_SIGNALS = np.zeros(256, np.int8)
_SIGNALS[[BUY, SELL]] = 1, -1

Outcome = Signals | PlatformError


@dataclass
class Evaluation:
    """Signals of one rule, with what its code printed and plotted, and the bars whose signals were checked."""

    signals: Signals
    printed: list[tuple[int | None, str]] = field(default_factory=list)
    is_cut: bool = False  # more was printed than is kept
    lines: dict[str, Array] = field(default_factory=dict)
    checked: Any = None  # (bars,) bool; None: streamed

    def add(self, bar: int | None, more: Json) -> None:
        """Add printed text and plotted values of a bar; CodeError for values of another form."""
        try:
            text, plotted = str(more.get("printed", "")), {**more.get("plotted", {})}
            for name, value in plotted.items():
                if value is not None and bar is not None:
                    self._line(name)[bar] = float(value)
        except (TypeError, ValueError, OverflowError):
            raise CodeError("the process of the code broke the protocol") from None
        self.is_cut |= bool(text) and len(text) >= (room := self._room)
        if text and room > 0:
            self.printed.append((bar, clean(text[:room])))

    @property
    def _room(self) -> int:
        return MAX_PRINTED - sum(len(text) for _, text in self.printed)

    def _line(self, name: str) -> Array:
        name = clean(name[:MAX_NAME])
        if name not in self.lines:
            if len(self.lines) == MAX_LINES:
                raise ValueError
            self.lines[name] = np.full(len(self.signals), np.nan)
        return self.lines[name]


class EvaluationRun:
    """One evaluation of some instances of the code on the same bars."""

    def __init__(
        self, interpreter: Interpreter, inputs: Sequence[Json], prices: Prices, check_s: float
    ) -> None:
        self._interpreter, self._inputs = interpreter, inputs
        self._records = _records(prices)
        self._times, self._bars = prices[TIME], len(prices[TIME])
        self._check_s = check_s
        self.evaluation = Evaluation(np.zeros(self._bars, np.int8))

    def outcomes(self) -> list[Outcome]:
        """Signals of each instance, or its fault."""
        if self._interpreter.function == "on_bar":
            return self._streamed()
        return self._checked()

    # on_bar

    def _streamed(self) -> list[Outcome]:
        """Stream the bars; the first instance does it twice, which also shows whether others influence it."""
        outcomes = self._stream(self._inputs)
        evaluation, self.evaluation = self.evaluation, Evaluation(np.zeros(self._bars, np.int8))
        try:
            second: Outcome = self._stream(self._inputs[:1])[0]
        except (CodeError, CodeOutOfMemory) as error:
            second = error
        self.evaluation, first = evaluation, outcomes[0]
        if not isinstance(first, PlatformError):
            self._compare_runs(first, second)
            self.evaluation.signals = first
        return outcomes

    def _stream(self, inputs: Sequence[Json]) -> list[Outcome]:
        """Write a bar, read the answers, and so on: the next bar is written when all have answered."""
        count, size = len(inputs), RECORD.size
        answers, faults = list[bytes](), dict[int, PlatformError]()
        records, write, read = memoryview(self._records), os.write, os.read
        with self._fork("stream", inputs) as fork:
            for start in range(0, self._bars, BARS_ON_ONE_CORE):
                with _one_core(fork.pid):
                    for bar in range(start, min(start + BARS_ON_ONE_CORE, self._bars)):
                        try:
                            write(fork.sink, records[bar * size : (bar + 1) * size])
                            answer = read(fork.source, count)
                        except BrokenPipeError:
                            answer = b""
                        if len(answer) < count or answer.translate(None, _PLAIN):
                            answer = self._complete(answer, fork, bar, faults, count)
                        answers.append(answer)
        signals = _SIGNALS[np.frombuffer(b"".join(answers), np.uint8).reshape(-1, count)]
        return [
            faults.get(number) or np.ascontiguousarray(signals[:, number])
            for number in range(count)
        ]

    def _complete(
        self, answer: bytes, fork: Fork, bar: int, faults: dict[int, PlatformError], count: int
    ) -> bytes:
        """Read what follows an answer that is not plain; return the signals in it."""
        where = f", {self._name(bar)}"
        try:
            answer += fork.receive(count - len(answer))
            for number, code in enumerate(answer):
                if code & FAILED and number not in faults:
                    more = fork.receive_frame()
                    faults[number] = error_of(more.get("error"), self._interpreter.code, where)
            if answer[0] & MORE:
                self.evaluation.add(bar, fork.receive_frame())
        except PlatformError as error:
            raise type(error)(f"{error}{where}") from None
        if len(faults) == count:
            raise faults[0]
        return bytes(code & (BUY | SELL) for code in answer)

    # signals

    def _checked(self) -> list[Outcome]:
        """Ask for single bars first, then compute all, then ask for the signals that are left."""
        checked_bars, answers = self._ask(self._spread())
        started = time.perf_counter()
        outcomes = self._whole()
        self._check_s = max(self._check_s, CHECK_SHARE * (time.perf_counter() - started))
        checked = [
            self._compare_prefixes(each, checked_bars, column)
            for each, column in zip(outcomes, answers.T, strict=True)
        ]
        if len(outcomes) > 1 or isinstance(checked[0], PlatformError):
            return checked
        left = np.flatnonzero(checked[0] != 0)
        left = left[~np.isin(left, checked_bars)]
        more, answers = self._ask(self._some_of(left))
        outcome = self._compare_prefixes(checked[0], more, answers[:, 0])
        self.evaluation.signals = checked[0]
        self.evaluation.checked = np.zeros(self._bars, bool)
        self.evaluation.checked[[*checked_bars, *more]] = True
        return [outcome]

    def _whole(self) -> list[Outcome]:
        """Compute the signals of each instance on all bars at once."""
        outcomes = list[Outcome]()
        with self._fork("whole", self._inputs) as fork:
            fork.send(COUNT.pack(self._bars))
            fork.send(self._records)
            for _ in self._inputs:
                has_failed, head = fork.receive(1)[0] & FAILED, fork.receive_frame()
                if has_failed:
                    outcomes.append(error_of(head.get("error"), self._interpreter.code, ""))
                    continue
                outcomes.append(_SIGNALS[np.frombuffer(fork.receive(self._bars), np.uint8)])
                names = head.get("lines")
                self.evaluation.add(None, head)
                for name in names if isinstance(names, list) else []:
                    line = np.frombuffer(fork.receive(8 * self._bars), np.float64)
                    self.evaluation.lines[clean(str(name)[:MAX_NAME])] = np.where(
                        np.isfinite(line), line, np.nan
                    )
                    if len(self.evaluation.lines) > MAX_LINES:
                        raise CodeError("the process of the code broke the protocol")
        return outcomes

    def _ask(self, bars: Iterator[int]) -> tuple[list[int], Any]:
        """Ask for the signal of each of these bars, in their order, without later ones; codes are (bars, instances)."""
        checked_bars, answers, size, sent = list[int](), list[bytes](), RECORD.size, 0
        for bar in bars:
            if not checked_bars:
                context = self._fork("last", self._inputs)
                fork = context.__enter__()
            fork.send(COUNT.pack(bar + 1 - sent) + self._records[sent * size : (bar + 1) * size])
            answers.append(fork.receive(len(self._inputs)))
            checked_bars.append(bar)
            sent = bar + 1
        if checked_bars:
            context.__exit__(None, None, None)
        codes = np.frombuffer(b"".join(answers), np.uint8).reshape(
            len(checked_bars), len(self._inputs)
        )
        return checked_bars, codes

    def _spread(self) -> Iterator[int]:
        """Yield bars from the first to the last: all of them if there is time, else a random one of so many."""
        rng = random.Random(sha256(self._records).digest())
        deadline, bar = time.perf_counter() + self._check_s, -1
        costs = [0.0] * 3
        while True:
            least = min(costs)  # the first calls are slow
            left_s = max(deadline - time.perf_counter(), 1e-9)
            stride = max(1, round(least * (self._bars - bar) / left_s)) if least else 1
            bar += rng.randint(1, 2 * stride - 1)
            if bar >= self._bars:
                return
            started = time.perf_counter()
            yield bar
            costs = [*costs[1:], time.perf_counter() - started]

    def _some_of(self, bars: Any) -> Iterator[int]:
        """Yield bars in their order until the time is over."""
        deadline = time.perf_counter() + self._check_s
        for bar in bars.tolist():
            if time.perf_counter() > deadline:
                return
            yield bar

    def _compare_prefixes(
        self, outcome: Outcome, checked_bars: Sequence[int], answers: Any
    ) -> Outcome:
        """Return signals that are the same without later bars; otherwise the fault."""
        if isinstance(outcome, PlatformError):
            return outcome
        differing = np.flatnonzero(outcome[[*checked_bars]] != _SIGNALS[answers])
        if not differing.size:
            return outcome
        place = int(differing[0])
        bar = checked_bars[place]
        if len(self._inputs) == 1:
            try:
                self._compare_runs(outcome, self._whole()[0])
            except NotDeterministic as error:
                return error
        without = "an error" if answers[place] & FAILED else _SIGNALS[answers[place]]
        return LookAhead(
            f"{self._name(bar)}: signals gave {outcome[bar]} with all bars, {without} without the later ones"
        )

    # both

    def _compare_runs(self, first: Signals, second: Outcome) -> None:
        """Raise NotDeterministic unless both runs of the same code gave the same signals."""
        if isinstance(second, PlatformError):
            raise NotDeterministic(f"the code failed when it ran again: {second}")
        if (first != second).any():
            bar = int((first != second).argmax())
            raise NotDeterministic(
                f"{self._name(bar)}: the code gave {first[bar]}, and {second[bar]} when it ran again"
            )

    @contextmanager
    def _fork(self, mode: str, inputs: Sequence[Json]) -> Iterator[Fork]:
        """Fork the process, and let it load the code; the error of its first lines is raised."""
        is_quiet = len(self._inputs) > 1 or mode == "last"
        with self._interpreter.fork(mode, inputs, is_quiet) as fork:
            loaded = fork.receive_frame()
            if "error" in loaded:
                raise error_of(loaded["error"], self._interpreter.code, "")
            self.evaluation.add(None, loaded)
            yield fork

    def _name(self, bar: int) -> str:
        """Name a bar by its number and time: bar 17 (2004-01-28)."""
        moment = (
            str(np.datetime64(int(self._times[bar]), "s"))
            .replace("T", " ")
            .removesuffix(" 00:00:00")
        )
        return f"bar {bar} ({moment})"


def _records(prices: Prices) -> bytes:
    """Return all bars as RECORDs."""
    names = ("Open", "High", "Low", "Close", "Volume")
    table = np.empty(len(prices["Close"]), [*((name, "<f8") for name in names), (TIME, "<i8")])
    for name in (*names, TIME):
        table[name] = prices[name]
    return table.tobytes()


@contextmanager
def _one_core(pid: int) -> Iterator[None]:
    """Keep this process and its fork on one core, where they need not wake each other: 9 µs a bar instead of 70."""
    if sys.platform != "linux":
        yield
        return
    before = os.sched_getaffinity(0)
    core = {seal.current_core()} & before or before
    for each in (0, pid):
        with suppress(OSError):  # the fork has ended
            os.sched_setaffinity(each, core)
    try:
        yield
    finally:
        for each in (0, pid):
            with suppress(OSError):
                os.sched_setaffinity(each, before)
