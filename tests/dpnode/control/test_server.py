"""A question asked over the real socket gets its answer, whatever happens on the way."""

import os
import stat
from functools import partial
from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from dpnode import lock
from dpnode.control.answers import Answer, Done, Failed
from dpnode.control.client import ask
from dpnode.control.codec import question_frame
from dpnode.control.questions.base import Question
from dpnode.control.questions.job import JobShow, JobWatch
from dpnode.control.questions.node import Status
from dpnode.control.server import Responder, serve_control
from dpnode.errors import FailKind, Problem
from dpnode.paths import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(root=tmp_path / "h")
    made.make_folders()
    return made


async def _echo(question: Question, responder: Responder) -> Answer:
    match question:
        case JobShow(id="missing"):
            raise Problem(FailKind.NOT_FOUND, "there is no such job", {"id": "missing"})
        case JobShow(id="bug"):
            raise RuntimeError("a bug")
        case JobShow(id="none"):
            return Done(value={"a": None})
        case JobShow(id=identity):
            return Done(value={"id": identity})
        case JobWatch():
            for number in range(3):
                await responder.progress({"done": number, "of": 3})
            return Done(value={"state": "paid"})
        case _:
            return Done()


async def _ask(home: Home, question: Question, **options: object) -> Answer:
    return await trio.to_thread.run_sync(partial(ask, home.socket, question, **options))  # type: ignore[arg-type]


async def test_a_question_gets_its_answer(home: Home, nursery: trio.Nursery) -> None:
    await nursery.start(serve_control, home, _echo)
    assert await _ask(home, JobShow(id="a")) == Done(value={"id": "a"})
    assert await _ask(home, Status()) == Done()


async def test_progress_comes_in_order_before_the_end(home: Home, nursery: trio.Nursery) -> None:
    await nursery.start(serve_control, home, _echo)
    seen: list[object] = []
    assert await _ask(home, JobWatch(id="a"), on_progress=seen.append) == Done(value={"state": "paid"})
    assert seen == [{"done": number, "of": 3} for number in range(3)]


async def test_a_problem_becomes_a_failed_answer(home: Home, nursery: trio.Nursery) -> None:
    await nursery.start(serve_control, home, _echo)
    wanted = Failed(kind=FailKind.NOT_FOUND, sentence="there is no such job", details={"id": "missing"})
    assert await _ask(home, JobShow(id="missing")) == wanted


@pytest.mark.parametrize("identity", ["bug", "none"])
async def test_a_bug_in_one_answer_leaves_the_server_standing(home: Home, nursery: trio.Nursery, identity: str) -> None:
    await nursery.start(serve_control, home, _echo)
    answer = await _ask(home, JobShow(id=identity))
    assert isinstance(answer, Failed) and answer.kind is FailKind.FAILED and "its log" in answer.sentence
    assert await _ask(home, Status()) == Done()


async def test_the_socket_is_the_owners_only_and_gone_after_the_end(home: Home) -> None:
    async with trio.open_nursery() as nursery:
        await nursery.start(serve_control, home, _echo)
        assert stat.S_IMODE(home.socket.stat().st_mode) == 0o600
        assert stat.S_IMODE(home.run.stat().st_mode) == 0o700
        nursery.cancel_scope.cancel()
    assert not home.socket.exists()
    with pytest.raises(Problem) as down:
        ask(home.socket, Status())
    assert down.value.kind is FailKind.DAEMON_DOWN


async def test_a_socket_left_by_a_killed_daemon_is_replaced(home: Home, nursery: trio.Nursery) -> None:
    left = trio.socket.socket(trio.socket.AF_UNIX)
    await left.bind(str(home.socket))
    left.close()
    with pytest.raises(Problem) as down:
        ask(home.socket, Status())
    assert down.value.kind is FailKind.DAEMON_DOWN
    held = lock.take(home)
    await nursery.start(serve_control, home, _echo)
    assert await _ask(home, Status()) == Done()
    held.release()


async def test_what_is_not_a_socket_is_not_removed(home: Home) -> None:
    home.socket.write_text("precious")
    with pytest.raises(Problem, match="is not a socket"):
        await serve_control(home, _echo)
    assert home.socket.read_text() == "precious"


async def test_a_path_too_long_for_a_socket_is_refused_with_a_sentence(tmp_path: Path) -> None:
    deep = Home(root=tmp_path / ("d" * 100))
    deep.make_folders()
    with pytest.raises(Problem, match="choose a home with a shorter path"):
        await serve_control(deep, _echo)


async def test_an_asker_that_leaves_ends_a_watch_but_not_a_write(home: Home, nursery: trio.Nursery) -> None:
    ended: list[str] = []
    go_on = trio.Event()

    async def answer(question: Question, responder: Responder) -> Answer:
        try:
            await go_on.wait()
            ended.append(f"{question.name} finished")
        except trio.Cancelled:
            ended.append(f"{question.name} cancelled")
            raise
        return Done()

    await nursery.start(serve_control, home, answer)
    for question in (JobWatch(id="a"), JobShow(id="a")):
        stream = await trio.open_unix_socket(os.fspath(home.socket))
        await stream.send_all(question_frame(question))
        await wait_all_tasks_blocked(0.05)
        await stream.aclose()
        await wait_all_tasks_blocked(0.05)
    assert ended == ["job.watch cancelled"]
    go_on.set()
    await wait_all_tasks_blocked(0.05)
    assert ended == ["job.watch cancelled", "job.show finished"]


async def test_a_daemon_that_does_not_answer_in_time_is_a_time_out(home: Home, nursery: trio.Nursery) -> None:
    async def never(question: Question, responder: Responder) -> Answer:
        await trio.sleep_forever()
        raise AssertionError

    await nursery.start(serve_control, home, never)
    with pytest.raises(Problem) as slow:
        await _ask(home, Status(), within_s=0.05)
    assert slow.value.kind is FailKind.TIMED_OUT
