"""One evaluation of a strategy: streamed bar by bar, or computed at once and checked with later bars withheld.

A strategy with `on_bar` gets bar t after its answer for bar t - 1, so later bars do not exist where it runs. One with
`signals` is asked for its last signal on prefixes first, while nobody knows the signals on all bars; only then is it
run on all bars, and asked for those of its signals that were not compared yet. So neither the choice of the first
bars nor the time at which they are asked for can tell it anything about later ones.
"""

import os
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import numpy as np

from adapters.prices.bars import Whole
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
    SELL,
    record_type,
)
from contracts.errors import (
    CodeError,
    LookAhead,
    NotDeterministic,
    PlatformError,
)
from contracts.values import Json
from rules.arrays import Array, Flags, Signals
from rules.prices import TIME, Prices

FIRST_ROUND = 8  # bars
PER_ZERO = 4  # signals to ask for before one more bar without a signal
BLOCK = 1024  # bars that fit into a pipe; after each the kernel may choose another core
_PLAIN = bytes([0, BUY, SELL])
_SIGNALS = np.zeros(256, np.int8)
_SIGNALS[[BUY, SELL]] = 1, -1

Outcome = Signals | PlatformError


@dataclass
class Evaluation:
    """Signals of one rule, with what its code printed and plotted, and the bars whose signals were checked."""

    signals: Signals
    printed: list[tuple[int | None, str]] = field(default_factory=list)
    room: int = (
        MAX_PRINTED  # characters that are still kept; fewer than none where more was printed
    )
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
        if text and self.room > 0:
            self.printed.append((bar, clean(text[: self.room])))
        self.room -= len(text)

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
        self,
        interpreter: Interpreter,
        inputs: Sequence[Json],
        prices: Prices,
        first_bar: int,
        check_share: float,
    ) -> None:
        """first_bar: signals on bars before it are not traded, and not checked."""
        self._interpreter, self._inputs = interpreter, inputs
        self._further = prices.further
        self._size, self._records = _records(prices)
        self._times, self._bars = prices[TIME], len(prices[TIME])
        self._first_bar, self._check_share = first_bar, check_share
        self._rng = np.random.default_rng([*sha256(self._records).digest()])
        self.evaluation = Evaluation(np.zeros(self._bars, np.int8))

    def outcomes(self) -> list[Outcome]:
        """Signals of each instance, or its fault."""
        if self._interpreter.function == "on_bar":
            return self._streamed()
        return self._checked()

    # on_bar

    def _streamed(self) -> list[Outcome]:
        """Write a bar, read the answers, and so on: the next bar is written when all have answered.

        A second fork repeats the first instance at the same time, always behind it, which also shows whether other
        instances influence it.
        """
        count, size, answers, repeated = len(self._inputs), self._size, list[bytes](), b""
        faults = dict[int, PlatformError]()
        records, write, read = memoryview(self._records), os.write, os.read
        first_only = self._inputs[:1]
        with (
            self._fork("stream", self._inputs) as fork,
            self._fork("stream", first_only, is_quiet=True) as second,
        ):
            for start in range(0, self._bars, BLOCK):
                with _one_core(fork.pid):
                    for bar in range(start, min(start + BLOCK, self._bars)):
                        try:
                            write(fork.sink, records[bar * size : (bar + 1) * size])
                            answer = read(fork.source, count)
                        except BrokenPipeError:
                            answer = b""
                        if len(answer) < count or answer.translate(None, _PLAIN):
                            answer = self._complete(answer, fork, bar, faults, count)
                        answers.append(answer)
                with _running_again():
                    repeated += second.receive(start - len(repeated))
                    second.send(records[start * size : (start + BLOCK) * size])
            with _running_again():
                repeated += second.receive(self._bars - len(repeated))
        signals = _SIGNALS[np.frombuffer(b"".join(answers), np.uint8).reshape(-1, count)]
        outcomes: list[Outcome] = [
            faults.get(number) or np.ascontiguousarray(signals[:, number])
            for number in range(count)
        ]
        if isinstance(first := outcomes[0], PlatformError):
            return outcomes
        if FAILED in repeated:
            where = self._name(repeated.index(FAILED))
            raise NotDeterministic(f"{where}: the code failed when it ran again")
        self._compare_runs(first, _SIGNALS[np.frombuffer(repeated, np.uint8)])
        self.evaluation.signals = first
        return outcomes

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
        """Ask for bars at random first, then compute all, then ask for the signals that are left."""
        start_s, began = self._interpreter.start_s, time.perf_counter()
        order = self._rng.permutation(np.arange(self._first_bar, self._bars))
        answers = self._ask_in_rounds(order, began + self._check_share * start_s / 4)
        checked_s, began = time.perf_counter() - began, time.perf_counter()
        outcomes = [
            self._compare_prefixes(each, answers, number)
            for number, each in enumerate(self._whole())
        ]
        if len(outcomes) > 1 or isinstance(outcomes[0], PlatformError):
            return outcomes
        whole_s = time.perf_counter() - began
        budget_s = self._check_share * (start_s + whole_s) - checked_s
        most_s = self._interpreter.left_s() / 2  # a check should not take a run beyond its limit
        order = self._telling_bars(outcomes[0], answers)
        more = self._ask_in_rounds(order, time.perf_counter() + min(budget_s, most_s))
        self.evaluation.signals = outcomes[0]
        self.evaluation.checked = np.zeros(self._bars, bool)
        self.evaluation.checked[[*answers, *more]] = True
        return [self._compare_prefixes(outcomes[0], more, 0)]

    def _telling_bars(self, signals: Signals, checked_bars: Collection[int]) -> Whole:
        """Order the bars that were not asked for: changes of the signal first, then others that are not 0.

        In between are bars whose signal is 0, so that to be asked for one is no hint.
        """
        is_left = np.arange(self._bars) >= self._first_bar
        is_left[[*checked_bars]] = False
        change = is_left & changes_of(signals)
        groups = (change, is_left & (signals != 0) & ~change, is_left & (signals == 0))
        changes, others, zeros = (self._rng.permutation(np.flatnonzero(each)) for each in groups)
        telling = np.concatenate((changes, others))
        zeros = zeros[: max(len(telling) // PER_ZERO, FIRST_ROUND)]
        return np.insert(
            telling, np.minimum(PER_ZERO * np.arange(len(zeros)), len(telling)), zeros
        )

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

    def _ask_in_rounds(self, order: Whole, deadline: float) -> dict[int, bytes]:
        """Ask for these bars, the first ones first, as far as there is time; return the codes of the instances by bar.

        A round asks for as many as the last one was fast, each after the bars before it.
        """
        answers, count = dict[int, bytes](), FIRST_ROUND
        while len(order) and count:
            began = time.perf_counter()
            more = self._ask(np.sort(order[:count]).tolist(), deadline)
            ended = time.perf_counter()
            answers, order = answers | more, order[count:]
            count = int(min(len(order), (deadline - ended) / (ended - began) * len(more)))
        return answers

    def _ask(self, bars: Sequence[int], deadline: float) -> dict[int, bytes]:
        """Ask a new fork for the signal of each of these bars, in their order, until the deadline."""
        answers, size, sent = dict[int, bytes](), self._size, 0
        with self._fork("last", self._inputs) as fork:
            for bar in bars:
                if answers and time.perf_counter() > deadline:
                    break
                records = self._records[sent * size : (bar + 1) * size]
                fork.send(COUNT.pack(bar + 1 - sent) + records)
                answers[bar] = fork.receive(len(self._inputs))
                sent = bar + 1
        return answers

    def _compare_prefixes(
        self, outcome: Outcome, answers: Mapping[int, bytes], number: int
    ) -> Outcome:
        """Return signals of an instance that are the same without later bars; otherwise the fault."""
        if isinstance(outcome, PlatformError):
            return outcome
        for bar, codes in sorted(answers.items()):
            if outcome[bar] != _SIGNALS[codes[number]]:
                break
        else:
            return outcome
        if len(self._inputs) == 1:
            try:
                self._compare_runs(outcome, self._whole()[0])
            except NotDeterministic as error:
                return error
        without = "an error" if codes[number] & FAILED else _SIGNALS[codes[number]]
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
    def _fork(
        self, mode: str, inputs: Sequence[Json], *, is_quiet: bool = False
    ) -> Iterator[Fork]:
        """Fork the process, and let it load the code; the error of its first lines is raised."""
        is_quiet |= len(self._inputs) > 1 or mode == "last"
        with self._interpreter.fork(mode, inputs, is_quiet, self._further) as fork:
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


def _records(prices: Prices) -> tuple[int, bytes]:
    """Return the size of a record, and those of all bars."""
    table = np.empty(len(prices[TIME]), record_type(prices.further))
    columns = ("Open", "High", "Low", "Close", "Volume", *prices.further, TIME)
    for name, column in zip(table.dtype.names or (), columns, strict=True):
        table[name] = prices[column]
    return table.itemsize, table.tobytes()


def changes_of(signals: Signals) -> Flags:
    """Tell for each bar whether its signal is neither 0 nor that of the bar before."""
    changes: Flags = (signals != 0) & (np.diff(signals, prepend=0) != 0)
    return changes


@contextmanager
def _running_again() -> Iterator[None]:
    """Raise NotDeterministic where code fails that has not failed before."""
    try:
        yield
    except CodeError as error:
        raise NotDeterministic(f"the code failed when it ran again: {error}") from None


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
