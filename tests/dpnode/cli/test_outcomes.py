"""How a command ends that waited: with 0 only where what was waited for came."""

import json
import socket

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


@pytest.mark.parametrize(
    "words",
    [
        "status",
        "peers",
        "inbox",
        "network found Town",
        "network join dpnode-invite-1-a",
        "credit issue 5\u00a0EUR",
        "up",
    ],
)
def test_a_home_in_which_there_is_no_node_is_told_to_make_one(home: Home, run: Run, words: str) -> None:
    ended, _, err = run(*(word.replace("\u00a0", " ") for word in words.split(" ")))
    # A damaged invitation is told first: it would be as damaged with a node.
    assert (ended, "dpnode init" in err) == ((5, False) if "join" in words else (4, True))


def test_the_policy_file_is_checked_with_the_settings_and_named(home: Home, run: Run) -> None:
    run("init")
    text = home.config.read_text().replace('overrides = ""', 'overrides = "mine.toml"')
    assert "mine.toml" in text
    home.config.write_text(text)
    for content, wrong in ((None, " file "), ("[terms]\nstand_minutes = 1\n", "stand_minutes"), ("[x", "")):
        if content is not None:
            (home.root / "mine.toml").write_text(content)
        for words in (("config", "check"), ("up", "--dry-run")):
            ended, _, err = run(*words)
            assert ended == 1 and wrong in err
            assert "mine.toml" in err or "--dry-run" in words
    (home.root / "mine.toml").write_text("")
    assert run("config", "check")[0] == 0


def test_a_dry_run_of_a_start_finds_what_the_start_would_stumble_over(home: Home, run: Run) -> None:
    run("init")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        text = home.config.read_text()
        home.config.write_text(text.replace("/ip4/0.0.0.0/tcp/4711", f"/ip4/127.0.0.1/tcp/{port}"))
        ended, _, err = run("up", "--dry-run")
        assert ended == 1 and f"port {port}" in err
    assert run("up", "--dry-run")[0] == 0
    config = home.config.read_text()
    home.config.unlink()
    assert "4711" in run("up", "--dry-run")[2] or run("up", "--dry-run")[0] == 0
    home.config.write_text(config)
    (home.keys / "identity").chmod(0o644)
    assert run("up", "--dry-run")[0] == 5


def test_a_dry_run_of_the_words_shows_none_of_them(
    home: Home, run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run("init")
    words = json.loads(run("id", "words", "--json")[1])["words"]
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    ended, out, _ = run("id", "words", "--dry-run")
    assert ended == 0 and "Dry run" in out and not set(words) <= set(out.split())


def test_founding_in_a_dry_run_names_no_id_that_will_not_be(home: Home, run: Run) -> None:
    run("init")
    ended, out, _ = run("network", "found", "Town", "--dry-run", "--json")
    assert ended == 0 and json.loads(out)["network"] == {"name": "Town"}
    ended, out, _ = run("network", "found", "Town", "--dry-run")
    assert ended == 0 and "net-" not in out and "given when it is founded" in out


def test_an_amount_beyond_the_ledger_is_said_to_be_too_large(run: Run) -> None:
    ended, _, err = run("credit", "issue", "99999999999999999999 EUR")
    assert ended == 2 and "larger than the ledger can hold" in err
