"""What a node does when its own disk turns out to lie: it tells who asks, signs and writes nothing more, ends.

What a database says cannot be taken back once it was voted on, so the first damage seen stops the driver at once,
whoever saw it. Each answer under way becomes the sentence; the daemon ends when these were given.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

import trio

from dpnode.control.answers import Answer
from dpnode.errors import FailKind, Problem
from dpnode.paths import Home
from dpnode.space import full_disk
from dpnode.store.errors import StoreBroken, StoreCorrupt, StoreError

log = logging.getLogger("dpnode.damage")
ANSWERED_WITHIN_S = 1.0
"""An answer only has to unwind."""


class Damage:
    """What was found wrong with this home's disk while the node ran, if anything."""

    def __init__(self, home: Home) -> None:
        self.problem: Problem | None = None
        self._mark = home.damage
        self._found = trio.Event()
        self._told = trio.Event()
        self._answering: set[trio.CancelScope] = set()
        self._working: set[trio.CancelScope] = set()

    def found(self, problem: Problem) -> None:
        """Stop all work, and every answer with this sentence; only the first one counts."""
        if self.problem is not None:
            return
        self.problem = problem
        if problem.kind is FailKind.VERIFICATION:
            # The next start reads all of the ledger back before it signs, not the newest blocks alone.
            with suppress(OSError):
                self._mark.write_text(problem.sentence + "\n", "utf-8")
        for scope in self._working | self._answering:
            scope.cancel()
        self._found.set()

    async def until_told(self) -> None:
        """Return once something was found and whoever asked meanwhile has the sentence."""
        await self._found.wait()
        with trio.move_on_after(ANSWERED_WITHIN_S):
            if self._answering:
                await self._told.wait()

    async def work(self, run: Callable[[], Awaitable[None]]) -> None:
        """Run a task of the node that the first damage ends; what its own disk does to it is found here."""
        with trio.CancelScope() as scope:
            self._working.add(scope)
            try:
                await run()
            except (Problem, StoreError, BaseExceptionGroup) as error:
                problem = problem_in(error)
                if problem is None:
                    raise
                log.debug("how it came to that", exc_info=True)
                self.found(problem)
            finally:
                self._working.discard(scope)

    async def answer(self, asked: str, run: Callable[[], Awaitable[Answer]]) -> Answer:
        """An answer, or the `Problem` with the sentence of what was found before it was ready."""
        with trio.CancelScope() as scope:
            self._answering.add(scope)
            try:
                if self.problem is None:
                    return await run()
            except Problem as problem:
                # The replay of the ledger says in its own words what does not fit.
                if asked == "ledger.verify" and problem.kind is FailKind.VERIFICATION:
                    self.found(problem)
                raise
            except (StoreError, OSError, ExceptionGroup) as error:
                told = self.seen(error)
                if told is None:
                    raise
                log.error("answering %s: %s", asked, told.sentence)
                raise told from error
            finally:
                self._answering.discard(scope)
                if not self._answering and self.problem is not None:
                    self._told.set()
        assert self.problem is not None, "nothing else cancels an answer from inside"
        raise self.problem

    def seen(self, error: BaseException) -> Problem | None:
        """The sentence for whoever met this error; where it says that the disk lies, that is found, too."""
        problem = problem_in(error)
        if problem is not None and _is_lasting(error):
            self.found(problem)
        return problem


def problem_in(error: BaseException) -> Problem | None:
    """The sentence for the owner in an error or the first of a group that has one; None where it is our own fault."""
    if isinstance(error, BaseExceptionGroup):
        return next((found for one in error.exceptions if (found := problem_in(one)) is not None), None)
    if isinstance(error, Problem):
        return error
    if isinstance(error, StoreCorrupt):
        return Problem(FailKind.VERIFICATION, str(error))
    if isinstance(error, StoreError):
        return Problem(FailKind.FAILED, str(error))
    full = full_disk(error)
    return None if full is None else Problem(FailKind.FAILED, full)


def _is_lasting(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return any(_is_lasting(one) for one in error.exceptions)
    return isinstance(error, StoreCorrupt | StoreBroken)
