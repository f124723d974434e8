"""What commands make of an owner's words: bugs told in a line, keys, invitations, amounts, and what they import."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dpnode import lock
from dpnode.cli.main import COMMANDS, main
from dpnode.control.answers import Answer, Done
from dpnode.control.questions.base import Question
from dpnode.control.questions.holdings import ShareTransfer
from dpnode.control.questions.network import NetworkJoin
from dpnode.control.server import Responder
from dpnode.identity.words import entropy_of
from dpnode.paths import Home
from protocol.joining import Invitation, write_invitation
from tests.dpnode.cli.conftest import Run
from tests.dpnode.control.answering import answering


def test_a_bug_is_one_line_and_its_traceback_is_in_a_file(home: Home, run: Run) -> None:
    async def answer(question: Question, responder: Responder) -> Answer:
        return Done(value={"height": "not a number"})

    with answering(home, answer):
        status, _, err = run("status")
    assert status == 1
    assert len(err.splitlines()) == 1 and "this should not have happened" in err
    assert "Traceback" in (home.log / "command.log").read_text()


def test_a_node_is_made_shown_and_its_words_confirmed(run: Run, home: Home) -> None:
    assert run("init", "--name", "anna", "--dry-run")[0] == 0
    assert not (home.keys / "identity").exists()
    status, out, _ = run("init", "--name", "anna", "--json")
    made = json.loads(out)
    assert status == 0 and made["member"]["name"] == "anna" and made["words_confirmed"] is False
    assert run("init")[0] == 5
    assert run("config", "check")[0] == 0
    words = json.loads(run("id", "words", "--json")[1])["words"]
    entropy_of(" ".join(words))
    assert run("id", "words", "--confirm", f"3={words[2]} 17=wrong")[0] == 5
    assert run("id", "words", "--confirm", f"3={words[2]} 3={words[2]}")[0] == 2
    assert run("id", "words", "--confirm", f"3={words[2]} 17={words[16]}", "--dry-run")[0] == 0
    assert json.loads(run("id", "show", "--json")[1])["words_confirmed"] is False
    assert run("id", "words", "--confirm", f"3={words[2]} 17={words[16]}")[0] == 0
    shown = json.loads(run("id", "show", "--json")[1])
    assert shown["words_confirmed"] is True and shown["member"] == made["member"]
    assert run("id", "words")[0] == 4


ANSWERED_WITHOUT_A_DAEMON = (
    "ledger status", "ledger balance", "ledger verify", "ledger show ent-aaaaaaaa", "network show", "network members",
    "network invitations", "job list", "job show job-aaaaaaaa", "asset list", "id nodes")  # fmt: skip


@pytest.mark.parametrize("words", ANSWERED_WITHOUT_A_DAEMON)
def test_a_home_without_keys_is_one_status_and_one_without_a_network_another(run: Run, words: str) -> None:
    status, _, err = run(*words.split())
    assert status == 4 and "dpnode init" in err
    run("init", "--name", "anna")
    status, _, err = run(*words.split())
    assert status == 5 and "this home has no network yet" in err


def test_words_are_confirmed_with_a_comma_between_them(run: Run) -> None:
    run("init")
    words = json.loads(run("id", "words", "--json")[1])["words"]
    assert run("id", "words", "--confirm", f"3={words[2]}, 17={words[16]}")[0] == 0


def test_home_and_json_may_stand_before_the_command(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def answer(question: Question, responder: Responder) -> Answer:
        return Done(value={"items": []})

    with answering(home, answer):
        for words in (
            ["--home", str(home.root), "--json", "inbox", "list"],
            ["inbox", "--home", str(home.root), "--json", "list"],
            ["--home", str(tmp_path / "other"), "inbox", "list", "--json", "--home", str(home.root)],
        ):
            assert main(words) == 0
            assert json.loads(capsys.readouterr().out) == {"items": []}


def test_an_invitation_is_found_in_what_invite_printed(home: Home, run: Run, tmp_path: Path) -> None:
    asked: list[Question] = []

    async def answer(question: Question, responder: Responder) -> Answer:
        asked.append(question)
        return Done(value={})

    run("init")
    saved = tmp_path / "saved.txt"
    made = write_invitation(
        Invitation(
            network=bytes(32),
            peer=b"\x00",
            addresses=("/ip4/127.0.0.1/tcp/1",),
            seed=bytes([1]) * 32,
            until_ms=2**42,
            height=0,
            block=bytes(32),
            certificate=b"",
        )
    )
    saved.write_text(f"{made[:40]}\n  {made[40:]}\n\nEnds  2026-11-29\n")
    with answering(home, answer):
        assert run("network", "join", "--file", str(saved))[0] == 0
    (question,) = asked
    assert isinstance(question, NetworkJoin) and question.invitation == made


def test_a_damaged_invitation_is_told_before_a_passphrase_is_asked_for(run: Run) -> None:
    run("init")
    status, _, err = run("network", "join", "dpnode-invite-1-abcdef")
    assert status == 5 and "invitation" in err


@pytest.mark.parametrize(("written", "units"), [("250000", 250_000), ("250,000", 250_000), ("12.5%", 125_000)])
def test_units_are_given_as_they_are_shown_or_as_a_part(home: Home, run: Run, written: str, units: int) -> None:
    asked: list[Question] = []

    async def answer(question: Question, responder: Responder) -> Answer:
        asked.append(question)
        return Done(value={"total": 1_000_000})

    with answering(home, answer):
        assert run("share", "transfer", "printer", "anna", written)[0] == 0
    question = asked[-1]
    assert isinstance(question, ShareTransfer) and question.units == units


def test_a_part_that_is_no_whole_number_of_units_is_refused(home: Home, run: Run) -> None:
    async def answer(question: Question, responder: Responder) -> Answer:
        return Done(value={"total": 3})

    with answering(home, answer):
        status, _, err = run("share", "transfer", "printer", "anna", "50%")
    assert status == 2 and "no whole number" in err


def test_words_restore_the_member_elsewhere(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    member = json.loads(run("init", "--json")[1])["member"]["id"]
    words = json.loads(run("id", "words", "--json")[1])["words"]
    file = tmp_path / "words.txt"
    file.write_text("\n".join(words))
    other = ["--restore", "--words-file", str(file), "--home", str(tmp_path / "other"), "--json"]
    assert main(["init", *other]) == 0
    assert json.loads(capsys.readouterr().out)["member"]["id"] == member


def test_a_wrong_setting_is_named_with_the_nearest_right_one(run: Run, home: Home) -> None:
    home.config.write_text("[network]\nlissten = []\n")
    status, _, err = run("config", "check")
    assert status == 1 and "lissten" in err and "listen" in err and str(home.config) in err
    status, _, err = run("up")
    assert status == 1 and "lissten" in err
    assert lock.holder(home) is None


def test_a_second_start_names_the_pid_that_holds_the_home(run: Run, home: Home) -> None:
    home.config.touch()
    held = lock.take(home)
    status, _, err = run("up")
    held.release()
    assert status == 5 and "pid" in err and str(home.root) in err


def test_a_home_without_a_node_says_what_to_run(run: Run) -> None:
    status, _, err = run("up")
    assert status == 4 and "dpnode init" in err


def test_ctrl_c_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dpnode.control.client.ask", stopped)
    status, out, err = run("status")
    assert (status, out, err.strip()) == (130, "", "stopped")


def test_the_overview_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"\n  {name} " in shown for name in COMMANDS)
    assert main([]) == 2
    assert main(["job"]) == 2


HEAVY = (
    "libp2p",
    "trio",
    "rich",
    "sqlite3",
    "aiosqlite",
    "asyncio",
    "nacl",
    "cryptography",
    "dpnode.daemon",
    "dpnode.store",
)


@pytest.mark.parametrize(
    "words", [["status"], ["peers"], ["job", "list"], ["ledger", "blocks"], ["--help"]], ids=" ".join
)
def test_a_command_imports_nothing_it_does_not_need(words: list[str], tmp_path: Path) -> None:
    """Of the offline reader's own imports nothing is said: commands that reach it are asked not to here."""
    code = "import sys\nfrom dpnode.cli.main import main\nmain(sys.argv[2:])\n"
    code += "print('|'.join(name for name in sys.argv[1].split(',') if name in sys.modules), file=sys.stderr)"
    if words[0] in ("job", "ledger"):
        words = [*words, "--help"]
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            code,
            ",".join(HEAVY),
            *words,
            *([] if words == ["--help"] else ["--home", str(tmp_path)]),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.splitlines()[-1] == ""
