"""The daemon's side of the control socket: lets the owner's own processes in, one question at a time each.

The folder is 0700 and the kernel says who connects, so another user of the machine is turned away twice. What the
owner's own broken script sends is still bounded: 32 connections, a deadline on every unfinished frame, a length limit
before the body is read. A question's crash ends that question, with a line in the log.

A connection that closes cancels only questions that stream (`Question.streams`): a write that was asked for is carried
to its end, since the asker cannot know how far it got.
"""

import errno
import logging
import os
import socket
import stat
import struct
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import trio

from dpnode import lock
from dpnode.control.answers import Answer, Failed, Fields, Progress, failed
from dpnode.control.codec import (
    LENGTH_BYTES,
    QUESTION_BYTES_MAX,
    BadFrame,
    BadQuestion,
    answer_frame,
    length_of,
    read_question,
)
from dpnode.control.questions.base import Question
from dpnode.errors import FailKind, Problem
from dpnode.paths import Home

log = logging.getLogger("dpnode.control")

CONNECTIONS_MAX = 32
"""A person uses one or two; a neighbourhood of scripts on one node a dozen."""

FRAME_WITHIN_S = 5.0
"""A question is a few hundred bytes from the same machine: whoever needs longer for one is stuck."""

IDLE_S = 60.0
"""How long a connection may keep its slot between two questions."""

SEND_WITHIN_S = 30.0
"""An asker that does not read 16 MiB in this time is stopped or gone."""

SENT_AT_ONCE_BYTES = 64 << 10
"""A socket takes so much without waiting for its reader."""

PATH_BYTES_MAX = 107 if sys.platform == "linux" else 103
"""`sun_path` less its closing zero (unix(7))."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Responder:
    """How a question reports on its way to the answer."""

    stream: trio.SocketStream

    async def progress(self, value: Fields) -> None:
        """Tell the asker something happened; an asker that is gone is no error here."""
        await _send(self.stream, answer_frame(Progress(value=value)))


AnswerQuestion: TypeAlias = Callable[[Question, Responder], Awaitable[Answer]]


async def serve_control(
    home: Home, answer: AnswerQuestion, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Answer questions until cancelled; reports as started once the socket accepts connections.

    Args:
        home: its run folder must exist; this process should hold its `lock`.
        answer: gives one answer per question; may raise `Problem` instead of returning a `Failed`.

    Errors:
        Problem: the path is too long for a socket, or another daemon listens there.
    """
    listener = await _listen(home)
    try:
        async with trio.open_nursery() as nursery:
            slots = trio.CapacityLimiter(CONNECTIONS_MAX)
            task_status.started()
            while True:
                connection = await _accept(listener)
                if slots.available_tokens > 0:
                    # Taken before the task runs, so that a burst cannot pass the check together.
                    borrower = object()
                    slots.acquire_on_behalf_of_nowait(borrower)
                    nursery.start_soon(_converse, connection, answer, slots, borrower)
                else:
                    _refuse_at_once(connection, f"all {CONNECTIONS_MAX} control connections of this node are in use")
    finally:
        listener.close()
        home.socket.unlink(missing_ok=True)


async def _listen(home: Home) -> trio.socket.SocketType:
    path = home.socket
    length = len(os.fsencode(path))
    if length > PATH_BYTES_MAX:
        raise Problem(
            FailKind.REFUSED,
            f"the control socket's path {path} is {length} bytes long and the system allows {PATH_BYTES_MAX}: "
            f"choose a home with a shorter path",
        )
    _remove_stale(home)
    listener = trio.socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # The 0700 folder protects the instant between these two lines: an umask would not, trio binds in a thread.
        await listener.bind(os.fspath(path))
        path.chmod(0o600)
        listener.listen(CONNECTIONS_MAX)
    except OSError as error:
        listener.close()
        raise Problem(FailKind.FAILED, f"cannot listen at {path}: {error.strerror}") from error
    return listener


def _remove_stale(home: Home) -> None:
    path: Path = home.socket
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    pid = lock.holder(home)
    if pid is not None and pid != os.getpid():
        raise Problem(FailKind.REFUSED, f"a daemon is already running for {home.root} (pid {pid})", {"pid": pid})
    if not stat.S_ISSOCK(found.st_mode):
        raise Problem(FailKind.REFUSED, f"{path} is not a socket; move it away")
    path.unlink()


async def _accept(listener: trio.socket.SocketType) -> trio.socket.SocketType:
    while True:
        try:
            connection, _ = await listener.accept()
            return connection
        except OSError as error:
            if error.errno not in (errno.ECONNABORTED, errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                raise
            log.warning("control: cannot accept a connection: %s", error.strerror)
            # Out of descriptors: the connections that are open must end first.
            await trio.sleep(0.1)


def _refuse_at_once(connection: trio.socket.SocketType, sentence: str) -> None:
    """Say why without waiting: nobody may cost us more than one attempt."""
    try:
        os.write(connection.fileno(), answer_frame(Failed(kind=FailKind.REFUSED, sentence=sentence)))
    except OSError:
        log.debug("control: a refused connection was already gone")
    finally:
        connection.close()


def _peer_uid(connection: trio.socket.SocketType) -> int:
    if sys.platform == "linux":
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        _, uid, _ = struct.unpack("3i", credentials)
    else:
        # LOCAL_PEERCRED of SOL_LOCAL, the BSDs' struct xucred: version, uid, ...
        _, uid = struct.unpack_from("=II", connection.getsockopt(0, 1, 76))
    return int(uid)


async def _converse(
    connection: trio.socket.SocketType, answer: AnswerQuestion, slots: trio.CapacityLimiter, borrower: object
) -> None:
    """One connection's questions, one after the other, until it closes or errs."""
    try:
        uid = _peer_uid(connection)
        if uid != os.geteuid():
            log.warning("control: refused a connection of user %d", uid)
            _refuse_at_once(connection, "this node answers its owner only")
            return
        async with trio.SocketStream(connection) as stream:
            while await _one_question(stream, answer):
                pass
    except (trio.BrokenResourceError, trio.ClosedResourceError, OSError) as error:
        log.debug("control: a connection broke: %s", error)
    finally:
        connection.close()
        slots.release_on_behalf_of(borrower)


async def _one_question(stream: trio.SocketStream, answer: AnswerQuestion) -> bool:
    """Read and answer one question; False when the connection is to be closed."""
    first = b""
    with trio.move_on_after(IDLE_S):
        first = await stream.receive_some(LENGTH_BYTES)
    if not first:
        return False
    try:
        with trio.fail_after(FRAME_WITHIN_S):
            head = first + await _read(stream, LENGTH_BYTES - len(first))
            body = await _read(stream, length_of(head, QUESTION_BYTES_MAX))
        question = read_question(body)
    except EOFError:
        return False
    except (BadFrame, trio.TooSlowError) as error:
        sentence = str(error) or f"a question must arrive whole within {FRAME_WITHIN_S:.0f} s"
        await _send(stream, answer_frame(Failed(kind=FailKind.USAGE, sentence=sentence)))
        return False
    except BadQuestion as error:
        await _send(stream, answer_frame(Failed(kind=FailKind.USAGE, sentence=str(error))))
        return True
    return await _answer(stream, question, answer)


async def _answer(stream: trio.SocketStream, question: Question, answer: AnswerQuestion) -> bool:
    """Let the daemon answer, watching for the asker to leave; False when the asker left or talked in between."""
    alone = True
    frames: list[bytes] = []

    async def watch(nursery: trio.Nursery) -> None:
        nonlocal alone
        try:
            # Whatever arrives now breaks the order of one question at a time, an end of stream as well.
            await stream.receive_some(1)
        except trio.BrokenResourceError:
            log.debug("control: the asker of %s is gone", question.name)
        alone = False
        if question.streams:
            nursery.cancel_scope.cancel()

    with trio.CancelScope() as sending:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch, nursery)
            frames.append(await _guarded(question, Responder(stream=stream), answer))
            # An answer may be what stops the node, and whoever asked for that reads it.
            sending.shield = len(frames[0]) <= SENT_AT_ONCE_BYTES
            nursery.cancel_scope.cancel()
        for frame in frames:  # none, where the asker left and the work was cancelled
            await _send(stream, frame)
    return alone and bool(frames)


async def _guarded(question: Question, responder: Responder, answer: AnswerQuestion) -> bytes:
    """The frame of the answer, whatever happens while it is made: an answer that cannot be encoded is a crash too."""
    try:
        return answer_frame(await answer(question, responder))
    except Problem as problem:
        return answer_frame(failed(problem))
    except Exception:  # the edge of one asker's task: its crash must not end the daemon
        log.exception("control: answering %s failed", question.name)
        sentence = f"the daemon failed while answering {question.name}; its log says how"
        return answer_frame(Failed(kind=FailKind.FAILED, sentence=sentence))


async def _send(stream: trio.SocketStream, frame: bytes) -> None:
    """Send one frame in bounded time; an asker that is gone or does not read loses the answer, which the log notes."""
    try:
        with trio.fail_after(SEND_WITHIN_S):
            await stream.send_all(frame)
    except (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError):
        log.debug("control: an asker did not take its answer")


async def _read(stream: trio.SocketStream, length: int) -> bytes:
    parts = bytearray()
    while len(parts) < length:
        part = await stream.receive_some(length - len(parts))
        if not part:
            raise EOFError
        parts += part
    return bytes(parts)
