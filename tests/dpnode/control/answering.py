"""A real control server on a real socket, in a thread of its own, whose answers the test chooses."""

import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import trio

from dpnode.control.answers import Answer
from dpnode.control.questions.base import Question
from dpnode.control.server import Responder, serve_control
from dpnode.paths import Home

AnswerQuestion = Callable[[Question, Responder], Awaitable[Answer]]


@contextmanager
def answering(home: Home, answer: AnswerQuestion) -> Iterator[None]:
    """Serve `home`'s socket while the block runs; a crash of the server fails the test."""
    started = threading.Event()
    stops: list[Callable[[], None]] = []
    faults: list[BaseException] = []

    async def serve() -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(serve_control, home, answer)
            token = trio.lowlevel.current_trio_token()
            stops.append(lambda: token.run_sync_soon(nursery.cancel_scope.cancel))
            started.set()

    def run() -> None:
        try:
            trio.run(serve)
        except BaseException as fault:
            faults.append(fault)
        finally:
            started.set()

    thread = threading.Thread(target=run)
    thread.start()
    started.wait()
    try:
        yield
    finally:
        for stop in stops:
            stop()
        thread.join()
    if faults:
        raise faults[0]
