"""How a command ends that waited: with 0 only where what was waited for came."""

import click
import pytest

from dpnode.cli.commands.job import CALL_ENDS
from dpnode.cli.frame import examples_of
from dpnode.cli.main import COMMANDS, cli
from dpnode.control.answers import Answer, Done
from dpnode.control.questions.base import Question
from dpnode.control.server import Responder
from dpnode.paths import Home
from protocol.negotiation.initiator import CallState
from tests.dpnode.cli.conftest import Run
from tests.dpnode.control.answering import answering


@pytest.mark.parametrize(
    ("value", "dry", "status"),
    [
        ({"binding": "final", "height": 3}, False, 0),
        ({"binding": "recorded", "notes": ["the witness anna is not connected"], "timed_out": True}, False, 6),
        ({"binding": "recorded"}, False, 0),
        ({"dry_run": True, "timed_out": True}, True, 0),
    ],
    ids=["final", "the wait ran out", "nothing was waited for", "a dry run"],
)
@pytest.mark.parametrize(
    "words",
    [
        ("credit", "open", "EUR", "--redeemable", "bread"),
        ("credit", "issue", "5 EUR"),
        ("credit", "pay", "anna", "5 EUR"),
        ("credit", "redeem", "5 EUR"),
        ("asset", "register", "mill", "--kind", "cnc"),
        ("share", "transfer", "printer", "anna", "5"),
        ("share", "accept", "hash-a"),
        ("job", "award", "job-a"),
        ("job", "progress", "job-a"),
        ("job", "cancel", "job-a"),
        ("job", "counter", "job-a", "--price", "5 EUR"),
        ("inbox", "approve", "call-a"),
        ("network", "uninvite", "key-a"),
        ("motion", "vote", "motion-a", "yes"),
    ],
    ids=" ".join,
)
def test_a_wait_that_ran_out_is_a_time_out_and_what_came_is_shown_all_the_same(
    home: Home, run: Run, words: tuple[str, ...], value: dict[str, object], dry: bool, status: int
) -> None:
    async def answer(question: Question, responder: Responder) -> Answer:
        return Done(value={"says": "", **value})

    with answering(home, answer):
        ended, out, err = run(*words, *(["--dry-run"] if dry else []))
    assert (ended, err) == (status, "")
    for note in value.get("notes", []):  # type: ignore[attr-defined]
        assert note in out


@pytest.mark.parametrize("state", CallState)
def test_a_call_that_is_waited_for_ends_well_only_with_an_award(home: Home, run: Run, state: CallState) -> None:
    async def answer(question: Question, responder: Responder) -> Answer:
        return Done(value={"call": "call-a", "state": state.value, "notes": ["nobody answered"]})

    wanted = {"awarded": 0, "refused": 5, "withdrawn": 5, "choosing": 7}.get(state.value, 6)
    with answering(home, answer):
        ended, out, _ = run("job", "call", "--function", "f", "--wait", "5s")
        assert (ended, "nobody answered" in out) == (wanted, True)
        assert run("job", "call", "--function", "f", "--wait", "5s", "--json")[0] == wanted
        assert run("job", "call", "--function", "f")[0] == 0
    assert (state.value in CALL_ENDS) == (state is not CallState.AWARDED)


def test_a_watch_that_ends_before_the_job_is_a_time_out(home: Home, run: Run) -> None:
    async def answer(question: Question, responder: Responder) -> Answer:
        return Done(value={"id": "job-a", "state": "started", "timed_out": True})

    with answering(home, answer):
        assert run("job", "watch", "job-a", "--for", "1s")[0] == 6


GROUPS = [name for name in COMMANDS if isinstance(cli.get_command(click.Context(cli), name), click.Group)]


@pytest.mark.parametrize("name", GROUPS)
def test_the_help_of_every_group_shows_how_it_is_used(name: str, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    made = cli.get_command(click.Context(cli), name)
    assert isinstance(made, click.Group)
    lines = examples_of(made)
    assert lines and all(line.startswith(f"dpnode {name}") for line in lines)
    assert lines[0] in made.get_help(click.Context(made))
