"""Every command: its exit status, its example, its `--json`, and nothing of a peer raw on the terminal."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from dpnode.cli.frame import examples_of
from dpnode.cli.main import cli
from dpnode.cli.shapes import when
from dpnode.control.answers import Answer, Done, Failed
from dpnode.control.questions.base import Question
from dpnode.control.questions.job import InboxList, JobCall, JobWatch
from dpnode.control.server import Responder
from dpnode.errors import FailKind
from dpnode.paths import Home
from tests.dpnode.cli.conftest import Run
from tests.dpnode.control.answering import answering


def _leaves(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        made = group.get_command(context, name)
        assert made is not None
        if isinstance(made, click.Group):
            yield from _leaves(made, (*path, name))
        else:
            yield (*path, name), made


LEAVES = dict(_leaves(cli))


def test_every_command_that_is_promised_exists() -> None:
    promised = """init; id show; id words; id nodes; id keys; id
    certify; id revoke; id rotate; id card; id machine add; id machine remove; network ticket; network return; network
    found; network invite; network join; network show; up;
    down; status; peers; clock; cap add; cap list; cap show; cap remove; cap import; directory; job call; job
    list; job show; job watch; job award; job counter; job progress; job deliver; job receive; job claim; job cancel;
    job fail; job dispute; job rule; inbox list; inbox show; inbox approve; inbox refuse; why; ledger
    status; ledger balance; ledger shares; ledger journal; ledger lapsed; ledger show; ledger blocks; ledger verify;
    motion open; motion vote; motion withdraw; motion list; motion show; network witnesses; ledger evidence;
    witness list; witness accept; witness resign; witness rekey;
    ledger rebuild; ledger export; ledger prove balance; ledger prove share; ledger prove entry; ledger snapshot;
        ledger check; network charter;
    credit open; credit issue; credit pay; credit redeem; asset register; asset list;
    asset show; asset decide; share list; share transfer; share accept; share offer; share take; share withdraw;
    share history; share lend; share return; share static; share bid; group found; group join; group list; group show;
    group agree; group disagree; group change; group leave; config check; network members;
    network uninvite; network invitations"""
    assert {tuple(one.split()) for one in promised.split(";")} == set(LEAVES)


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_command_has_help_home_json_and_an_example_that_parses(
    path: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = LEAVES[path]
    options = {option for parameter in made.params for option in parameter.opts}
    assert {"--home", "--json"} <= options
    assert made.help and made.short_help
    monkeypatch.chdir(tmp_path)
    for name in ("bracket.toml", "photo.jpg", "printer.toml", "facility.json", "words.txt", "invitation.txt"):
        (tmp_path / name).touch()
    lines = examples_of(made)
    assert lines
    for line in lines:
        words = shlex.split(line)
        assert words[0] == "dpnode"
        if tuple(words[1 : 1 + len(path)]) == path:
            made.make_context(" ".join(path), words[1 + len(path) :])
        else:
            assert line == "dpnode inbox"


WRITING = """init; id words; id certify; id revoke; id rotate; id machine add; id machine
    remove; network return; network found; network invite; network uninvite; network join; up; down; clock; cap add;
    cap remove; cap import; job call; job award; job counter; job progress; job deliver; job receive; job claim; job
    cancel; job fail; job dispute; job rule; inbox approve; inbox refuse; ledger rebuild; ledger export; credit open;
    credit issue;
    credit pay; credit redeem; asset register; asset decide; share transfer; share accept; share offer; share take;
    share withdraw; share lend; share return; share static; share bid; group found; group join; group agree; group
    disagree; group change; group leave; motion open; motion vote; motion
    withdraw; witness accept; witness resign; witness rekey"""


def test_exactly_the_commands_that_write_have_a_dry_run() -> None:
    dry = {path for path, made in LEAVES.items() if any("--dry-run" in parameter.opts for parameter in made.params)}
    assert dry == {tuple(one.split()) for one in WRITING.split(";")}


@pytest.mark.parametrize("kind", FailKind)
def test_each_kind_of_failure_has_its_exit_status_and_its_sentence(home: Home, run: Run, kind: FailKind) -> None:
    async def answer(question: Question, responder: Responder) -> Answer:
        return Failed(kind=kind, sentence="because \x1b[2J of this", details={"id": "job-a"})

    wanted = {
        "failed": 1,
        "usage": 2,
        "daemon-down": 3,
        "not-found": 4,
        "refused": 5,
        "timed-out": 6,
        "needs-person": 7,
        "verification": 8,
    }
    with answering(home, answer):
        status, out, err = run("job", "show", "job-a")
        assert (status, out) == (wanted[kind.value], "")
        assert err.startswith("dpnode: because \\x1b[2J of this\n")
        status, out, err = run("job", "show", "job-a", "--json")
    assert (status, err) == (wanted[kind.value], "")
    fields = {"kind": kind.value, "sentence": "because \x1b[2J of this", "details": {"id": "job-a"}}
    assert json.loads(out) == {"error": fields}
    assert "\x1b" not in out


def test_without_a_daemon_a_command_says_how_to_start_one(run: Run, home: Home) -> None:
    run("init")
    status, out, err = run("peers")
    assert (status, out) == (3, "")
    assert err == f"dpnode: no daemon is running for {home.root}\ndpnode: start it with: dpnode up\n"
    assert run("down")[0] == 3


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["stauts"], "did you mean 'status'"),
        (["status", "--jsn"], "--jsn"),
        (["job", "show"], "Missing argument 'ID'"),
        (["job", "call"], "give a --design, or a --function"),
        (["job", "call", "--function", "f", "--part", "p"], "--part is for --design"),
        (["job", "call", "--function", "f", "--quantity", "0"], "0 is not in the range"),
        (["job", "call", "--function", "f", "--by", "soon"], "neither a span (3d) nor a date"),
        (["job", "call", "--function", "f", "--by", "2001-01-01"], "is not in the future"),
        (["job", "call", "--function", "f", "--param", "PLA"], "is not name=value"),
        (["job", "call", "--function", "f", "--place", "here"], "is not a place"),
        (["job", "call", "--design", "/no/such/file"], "there is no file"),
        (["job", "rule", "job-a", "--provider", "101%"], "is not a percentage"),
        (["credit", "pay", "anna", "12,50 EUR"], "is not an amount"),
        (["credit", "issue", "-5 EUR"], "'-5 EUR' is below zero"),
        (["credit", "issue", "-5.00 EUR", "--to", "anna"], "'-5.00 EUR' is below zero"),
        (["credit", "pay", "anna", "-0.5 EUR@founder"], "'-0.5 EUR@founder' is below zero"),
        (["credit", "issue", "--", "-5 EUR"], "an amount is more than nothing"),
        (["job", "call", "--function", "f", "--budget", "-5 EUR"], "an amount is more than nothing"),
        (["share", "transfer", "printer", "anna", "-5"], "'-5' is below zero"),
        (["share", "transfer", "printer", "anna", "0.5"], "is not a number of units"),
        (["share", "transfer", "printer", "anna", "25,00"], "is not a number of units"),
        (["network", "join", "nonsense"], "an invitation begins with"),
        (["network", "join"], "give the invitation"),
        (["id", "words", "--confirm", "apple"], "run 'dpnode init' first"),
        (["init", "--words-file", "/dev/null"], "--words-file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_argument_is_told_in_one_line_with_a_status_of_its_own(
    run: Run, words: list[str], sentence: str
) -> None:
    status, out, err = run(*words)
    assert status in (2, 4) and out == ""
    assert sentence in err and "Traceback" not in err
    assert len(err.splitlines()) == 1


def test_text_of_peers_never_reaches_the_terminal_raw(home: Home, run: Run) -> None:
    evil = "\x1b[2Jf\u043eunder\u202e\x07\n"

    async def answer(question: Question, responder: Responder) -> Answer:
        party = {"id": "mem-" + "a" * 52, "name": evil}
        row = {
            "id": evil,
            "kind": evil,
            "from": party,
            "title": evil,
            "price": [{"amount": 1, "name": evil, "kind": evil}],
        }
        return Done(value={"items": [row], "notes": [evil]} if isinstance(question, InboxList) else {})

    with answering(home, answer):
        status, out, _ = run("inbox", "list")
        _, as_json, _ = run("inbox", "list", "--json")
    assert status == 0
    assert "mixes Cyrillic and Latin" in out
    for shown in (out, as_json):
        assert not any(sign in shown.replace("\n", "") for sign in "\x1b\x07\u202e")
    assert json.loads(as_json)["items"][0]["title"] == evil
    assert len(out.splitlines()) == 2


def test_a_peer_whose_height_is_not_known_is_not_said_to_be_at_0(home: Home, run: Run) -> None:
    async def answer(question: Question, responder: Responder) -> Answer:
        rows = [{"peer": "12D", "state": "connected"}, {"peer": "13D", "state": "connected", "height": 1_234}]
        return Done(value={"peers": [*rows, {"peer": "14D", "state": "away"}]})

    with answering(home, answer):
        _, out, _ = run("peers")
    assert "not told yet" in out.splitlines()[1] and "1,234" in out.splitlines()[2]
    assert "told" not in out.splitlines()[3]


def test_a_call_asks_exactly_what_was_written(home: Home, run: Run, tmp_path: Path) -> None:
    asked: list[Question] = []
    (tmp_path / "bracket.toml").touch()

    async def answer(question: Question, responder: Responder) -> Answer:
        asked.append(question)
        return Done(value={"call": "call-" + "a" * 52, "quantity": 4})

    words = [
        "job",
        "call",
        "--design",
        str(tmp_path / "bracket.toml"),
        "--part",
        "arm",
        "--quantity",
        "4",
        "--by",
        "3d",
    ]
    words += [
        "--reply-by",
        "60s",
        "--param",
        "material=PLA",
        "--param",
        "length=120 mm",
        "--budget",
        "20.00 EUR@founder",
    ]
    with answering(home, answer):
        status, out, _ = run(*words, "--automatic", "--dry-run")
    assert status == 0 and "call-aaaaaaaaaa" in out
    (question,) = asked
    assert isinstance(question, JobCall)
    assert (question.design, question.part, question.quantity) == (str(tmp_path / "bracket.toml"), "arm", 4)
    assert question.parameters == {"material": "PLA", "length": "120 mm"}
    assert question.budget == ("20.00 EUR@founder",)
    assert question.automatic is True and question.dry_run is True
    assert question.deliver_by_ms is not None and question.reply_by_ms is not None
    assert abs(question.deliver_by_ms - question.reply_by_ms - (3 * 86_400_000 - 60_000)) < 1_000


def test_a_watched_job_prints_each_change_and_then_the_job(home: Home, run: Run) -> None:
    async def answer(question: Question, responder: Responder) -> Answer:
        assert isinstance(question, JobWatch)
        for state in ("awarded", "delivered"):
            await responder.progress({"state": state, "binding": "final", "text": "x"})
        return Done(value={"state": "paid"})

    with answering(home, answer):
        status, out, _ = run("job", "watch", "job-a")
        _, lines, _ = run("job", "watch", "job-a", "--json")
    assert status == 0
    assert out.splitlines() == ["awarded  final  x", "delivered  final  x", "State  paid"]
    assert [json.loads(line)["state"] for line in lines.splitlines()] == ["awarded", "delivered", "paid"]


def test_moments_of_an_entry_are_shown_as_times_and_kept_exact_in_json(home: Home, run: Run) -> None:
    until_ms = 1_800_000_000_123
    operation = {"deliver_by": until_ms, "terms": {"inspection_ms": 604_800_000}, "units": until_ms}

    async def answer(question: Question, responder: Responder) -> Answer:
        return Done(value={"id": "ent-a", "kind": "entry", "content": {"operation": operation, "until_ms": until_ms}})

    with answering(home, answer):
        _, out, _ = run("ledger", "show", "ent-a")
        _, as_json, _ = run("ledger", "show", "ent-a", "--json")
    shown = dict(line.split(None, 1) for line in out.splitlines() if len(line.split()) > 1)
    assert shown["until"] == shown["operation.deliver_by"] == when(until_ms)
    assert shown["operation.terms.inspection"] == "7 d"
    assert shown["operation.units"] == str(until_ms)
    assert json.loads(as_json)["content"] == {"operation": operation, "until_ms": until_ms}
