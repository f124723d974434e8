"""The command's side of the control socket: one question, its progress, one answer; plain blocking sockets.

No event loop, because importing one costs more than the whole question. A daemon that is not there is an ordinary
`Problem` of kind DAEMON_DOWN.
"""

import socket
import time
from collections.abc import Callable
from pathlib import Path

from dpnode.control.answers import Answer, Fields, Progress
from dpnode.control.codec import (
    ANSWER_BYTES_MAX,
    LENGTH_BYTES,
    BadFrame,
    length_of,
    question_frame,
    read_answer,
)
from dpnode.control.questions.base import Question
from dpnode.errors import FailKind, Problem

ANSWER_WITHIN_S = 30.0
"""For questions that wait for nothing themselves."""


def ask(
    path: Path,
    question: Question,
    *,
    within_s: float | None = None,
    on_progress: Callable[[Fields], None] | None = None,
) -> Answer:
    """Ask the daemon listening at `path`.

    Args:
        within_s: the whole answer must be there by then; for a streamed one, each part. The default adds the
            question's own `wait_ms`, if it has one, to 30 s.
        on_progress: called with the fields of each progress frame.

    Errors:
        Problem: DAEMON_DOWN, TIMED_OUT, or FAILED when the daemon stops midway or talks another protocol.
    """
    if within_s is None:
        within_s = ANSWER_WITHIN_S + getattr(question, "wait_ms", 0) / 1_000
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        deadline = time.monotonic() + within_s
        connection.settimeout(within_s)
        try:
            connection.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError) as error:
            raise Problem(FailKind.DAEMON_DOWN, f"no daemon is running for {path.parent.parent}") from error
        except OSError as error:
            if error.errno is None:
                # The path is longer than a socket's may be: no daemon can listen there.
                raise Problem(
                    FailKind.DAEMON_DOWN,
                    f"no daemon can run for {path.parent.parent}: its path is too long for a socket; move it to a "
                    "shorter one",
                ) from error
            raise Problem(FailKind.FAILED, f"cannot reach the daemon at {path}: {error}") from error
        try:
            _send(connection, question_frame(question))
            while True:
                head = _read(connection, LENGTH_BYTES, deadline)
                part = read_answer(_read(connection, length_of(head, ANSWER_BYTES_MAX), deadline))
                if not isinstance(part, Progress):
                    return part
                if question.streams:
                    deadline = time.monotonic() + within_s
                if on_progress is not None:
                    on_progress(part.value)
        except TimeoutError as error:
            raise Problem(FailKind.TIMED_OUT, f"the daemon did not answer within {within_s:.0f} s") from error
        except BadFrame as error:
            raise Problem(
                FailKind.FAILED, f"the daemon's answer makes no sense ({error}); is it another version?"
            ) from error
        except OSError as error:
            raise Problem(
                FailKind.FAILED,
                f"the daemon ended while answering ({error}); {path.parent.parent / 'log'} holds what it said last",
            ) from error


def _send(connection: socket.socket, frame: bytes) -> None:
    try:
        connection.sendall(frame)
    except (BrokenPipeError, ConnectionResetError):
        # A refusal (too many connections, another user) may already be waiting to be read.
        return


def _read(connection: socket.socket, length: int, deadline: float) -> bytes:
    parts: list[bytes] = []
    while length:
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        connection.settimeout(left_s)
        part = connection.recv(min(length, 1 << 18))
        if not part:
            raise ConnectionResetError("it closed the connection")
        parts.append(part)
        length -= len(part)
    return b"".join(parts)
