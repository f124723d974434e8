"""The control socket against whoever reaches it: another user, a stuck script, a flood, nonsense."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from dpnode.control.answers import Answer, Done, Failed
from dpnode.control.client import ask
from dpnode.control.codec import LENGTH_BYTES, QUESTION_BYTES_MAX, frame_of, question_frame, read_answer
from dpnode.control.questions.base import Question
from dpnode.control.questions.node import Status
from dpnode.control.server import CONNECTIONS_MAX, Responder, serve_control
from dpnode.errors import FailKind
from dpnode.paths import Home
from ledger.canonical import encode

SETTLED_S = 0.05


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(root=tmp_path / "h")
    made.make_folders()
    return made


async def _answer(question: Question, responder: Responder) -> Answer:
    return Done(value={"height": 7})


async def _still_answers(home: Home) -> None:
    with trio.fail_after(20):
        answer = await trio.to_thread.run_sync(partial(ask, home.socket, Status()))
    assert answer == Done(value={"height": 7})


async def _connect(home: Home) -> trio.SocketStream:
    return await trio.open_unix_socket(os.fspath(home.socket))


async def _said(stream: trio.SocketStream) -> Failed | None:
    """The refusal a hostile client is given before its connection ends; None when it just ends."""
    got = b""
    try:
        while len(got) < LENGTH_BYTES or len(got) < LENGTH_BYTES + int.from_bytes(got[:LENGTH_BYTES], "big"):
            part = await stream.receive_some(65_536)
            if not part:
                break
            got += part
    except trio.BrokenResourceError:
        pass
    if not got:
        return None
    answer = read_answer(got[LENGTH_BYTES:])
    assert isinstance(answer, Failed)
    return answer


_INTRUDER = """
import os, socket, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
there = socket.socket(socket.AF_UNIX)
there.settimeout(10)
try:
    there.connect(sys.argv[1])
    got = there.recv(4096)
except PermissionError:
    sys.exit(13)
sys.stdout.buffer.write(got)
"""


def _as_nobody(home: Home) -> "subprocess.CompletedProcess[bytes]":
    words = [sys.executable, "-I", "-c", _INTRUDER, str(home.socket)]
    return subprocess.run(words, capture_output=True, timeout=30, check=False)


@pytest.fixture
def open_home() -> Iterator[Home]:
    """The worst case, a home in a folder that everybody may enter (a temporary one of the tests' own)."""
    with tempfile.TemporaryDirectory() as folder:
        made = Home(root=Path(folder) / "h")
        made.make_folders()
        for place in (Path(folder), made.root, made.run):
            place.chmod(0o755)
        yield made


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@needs_root
async def test_another_user_is_refused_even_when_folders_and_socket_are_open(
    open_home: Home, nursery: trio.Nursery
) -> None:
    await nursery.start(serve_control, open_home, _answer)
    open_home.socket.chmod(0o666)
    done = await trio.to_thread.run_sync(_as_nobody, open_home)
    assert done.returncode == 0, done.stderr
    answer = read_answer(done.stdout[LENGTH_BYTES:])
    assert answer == Failed(kind=FailKind.REFUSED, sentence="this node answers its owner only")
    await _still_answers(open_home)


@needs_root
async def test_another_user_does_not_even_reach_the_socket(open_home: Home, nursery: trio.Nursery) -> None:
    await nursery.start(serve_control, open_home, _answer)
    open_home.socket.chmod(0o666)
    open_home.run.chmod(0o700)
    done = await trio.to_thread.run_sync(_as_nobody, open_home)
    assert done.returncode == 13


@pytest.mark.parametrize("sent", [b"", b"\0", b"\0\0\0", question_frame(Status())[:-1]])
async def test_a_stuck_client_loses_its_connection_and_nobody_else_waits(
    home: Home, nursery: trio.Nursery, autojump_clock: MockClock, sent: bytes
) -> None:
    await nursery.start(serve_control, home, _answer)
    async with await _connect(home) as stream:
        if sent:
            await stream.send_all(sent)
        answer = await _said(stream)
        if sent:
            assert answer is not None and answer.kind is FailKind.USAGE and "within 5 s" in answer.sentence
        else:
            assert answer is None


async def test_a_stuck_client_does_not_hold_up_another(home: Home, nursery: trio.Nursery) -> None:
    await nursery.start(serve_control, home, _answer)
    async with await _connect(home) as stuck:
        await stuck.send_all(b"\0\0")
        await _still_answers(home)


@pytest.mark.parametrize(
    "length", [QUESTION_BYTES_MAX + 1, 2**31, 2**32 - 1, 0], ids=["just over", "2 GiB", "all ones", "nothing"]
)
async def test_an_oversize_frame_is_refused_before_its_body_is_read(
    home: Home, nursery: trio.Nursery, length: int
) -> None:
    await nursery.start(serve_control, home, _answer)
    async with await _connect(home) as stream:
        await stream.send_all(length.to_bytes(4, "big"))
        answer = await _said(stream)
    assert answer is not None and answer.kind is FailKind.USAGE and "is announced" in answer.sentence
    await _still_answers(home)


@pytest.mark.parametrize(
    "body",
    [
        b"\xc1",
        b"\x90" * 1_000_000,
        b"\x91" * 100_000,
        encode({"q": "node.status", "with": {}}) + b"\0",
        b"\x82\xa1q\xabnode.status\xa1q\xabnode.status",
        b"\xdf\xff\xff\xff\xff",
        b"GET / HTTP/1.1\r\n\r\n",
        encode({"q": "dpnode.daemon", "with": {}}),
        encode({"q": "job.show", "with": {"id": "a", "__class__": "x"}}),
        encode([1, 2, 3]),
    ],
    ids=lambda body: body[:16].hex(),
)
async def test_garbage_gets_a_sentence_and_the_daemon_goes_on(home: Home, nursery: trio.Nursery, body: bytes) -> None:
    await nursery.start(serve_control, home, _answer)
    async with await _connect(home) as stream:
        await stream.send_all(frame_of(body, 1 << 24))
        await stream.send_eof()
        answer = await _said(stream)
    assert answer is not None and answer.kind is FailKind.USAGE and answer.sentence
    await _still_answers(home)


async def test_a_hundred_connections_leave_the_daemon_bounded_and_answering_afterwards(
    home: Home, nursery: trio.Nursery
) -> None:
    await nursery.start(serve_control, home, _answer)
    streams: list[trio.SocketStream] = []
    refused = 0
    for _ in range(100):
        streams.append(await _connect(home))
        await wait_all_tasks_blocked()
    for stream in streams[CONNECTIONS_MAX:]:
        answer = await _said(stream)
        assert answer is not None and answer.kind is FailKind.REFUSED and "connections" in answer.sentence
        refused += 1
    assert refused == 100 - CONNECTIONS_MAX
    for stream in streams:
        await stream.aclose()
    await wait_all_tasks_blocked(SETTLED_S)
    await _still_answers(home)


async def test_stuck_connections_free_their_slots_by_themselves(
    home: Home, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    await nursery.start(serve_control, home, _answer)
    streams = [await _connect(home) for _ in range(CONNECTIONS_MAX)]
    for stream in streams:
        assert await _said(stream) is None
    async with await _connect(home) as stream:
        await stream.send_all(question_frame(Status()))
        assert read_answer((await stream.receive_some(4_096))[LENGTH_BYTES:]) == Done(value={"height": 7})
    for stream in streams:
        await stream.aclose()


async def test_a_client_that_never_reads_its_answer_is_dropped(
    home: Home, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    async def large(question: Question, responder: Responder) -> Answer:
        return Done(value={"bytes": bytes(8 << 20)})

    await nursery.start(serve_control, home, large)
    stream = await _connect(home)
    stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    await stream.send_all(question_frame(Status()))
    # The virtual clock runs on once nobody can move: the server gives the answer up and closes.
    await trio.sleep(100)
    got = 0
    try:
        while part := await stream.receive_some(1 << 20):
            got += len(part)
    except trio.BrokenResourceError:
        pass
    assert got < 8 << 20
    await stream.aclose()


async def test_a_second_question_before_the_first_answer_ends_the_connection(home: Home, nursery: trio.Nursery) -> None:
    async def slowly(question: Question, responder: Responder) -> Answer:
        await wait_all_tasks_blocked(SETTLED_S)
        return Done(value={"height": 7})

    await nursery.start(serve_control, home, slowly)
    async with await _connect(home) as stream:
        await stream.send_all(question_frame(Status()) * 3)
        got = b""
        try:
            while part := await stream.receive_some(4_096):
                got += part
        except trio.BrokenResourceError:
            pass
    assert got == frame_of(encode({"is": "done", "value": {"height": 7}}), 1_000)
    await _still_answers(home)
