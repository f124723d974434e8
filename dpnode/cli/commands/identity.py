"""`dpnode init` and `dpnode id`: make, show and secure this node's identity. No daemon is asked."""

import secrets
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from dpnode.cli import shapes
from dpnode.cli.blocks import Block, Column, Exact, Note, Table, facts
from dpnode.cli.commands.keys import KEY_COMMANDS
from dpnode.cli.frame import Run, command, family
from dpnode.cli.root import read_secret, read_words
from dpnode.control.answers import Fields
from dpnode.control.questions.node import BoundNodes
from dpnode.errors import FailKind, Problem

ASKED_WORDS = 2
WORDS_FILE = click.Path(exists=True, dir_okay=False, allow_dash=True)


@command(
    "init",
    example="dpnode init --name founder\ndpnode init --restore --words-file words.txt",
    writes=True,
)
@click.option("--name", default="", help="How other members see you (settled when you found or join).")
@click.option("--restore", is_flag=True, help="Be the member of 24 words you have, instead of a new one.")
@click.option(
    "--words-file",
    type=WORDS_FILE,
    help="Where the words stand; - for stdin.",
)
@click.option("--passphrase-file", type=click.Path(exists=True, dir_okay=False), help="Seals the root key.")
def init_command(run: Run, name: str, restore: bool, words_file: str | None, passphrase_file: str | None) -> None:
    """Make this node's keys and settings, or restore its member from words."""
    from config.data import default_text
    from dpnode.identity.identity import check_name, make_identity
    from dpnode.identity.private_files import write_private
    from dpnode.identity.words import ENTROPY_BYTES, entropy_of

    if words_file and not restore:
        raise Problem(FailKind.USAGE, "--words-file is for --restore")
    if name:
        check_name(name)
    if (run.home.keys / "identity").exists():
        raise Problem(FailKind.REFUSED, f"{run.home.root} has an identity already; use --home for another member")
    entropy = entropy_of(read_words(words_file)) if restore else secrets.token_bytes(ENTROPY_BYTES)
    if run.dry_run:
        run.show({"dry_run": True, "home": str(run.home.root)}, lambda _: [Note(text=f"A node in {run.home.root}.")])
        return
    passphrase = None if restore else _new_passphrase(passphrase_file)
    run.home.make_folders()
    if not run.home.config.exists():
        write_private(run.home.config, default_text().encode())
    made = make_identity(run.home, entropy, name=name, passphrase=passphrase, confirmed=restore)
    run.show(
        {
            "home": str(run.home.root),
            "member": _member(made.member, made.name),
            "words_confirmed": made.words_confirmed,
            "root_sealed_under": "" if restore else "machine" if passphrase is None else "passphrase",
        },
        _initialised,
    )


def _initialised(value: Fields) -> Iterator[Block]:
    yield facts(value, ("Member", "member", shapes.party), ("Id", "member", _full_id), ("Home", "home", str))
    if value["root_sealed_under"] == "machine":
        yield Note(
            text="Until you confirm your words, the root key lies here under a random key in a file beside it.\n"
            "That protects a copy of the one file alone, and nothing against whoever can read this folder."
        )
    if not value["words_confirmed"]:
        yield Note(text="Write down your 24 words now: dpnode id words. Without them a lost disk is a lost member.")


def _new_passphrase(path: str | None) -> str | None:
    if path is not None:
        return read_secret(Path(path), "passphrase")
    if not sys.stdin.isatty() or not sys.stderr.isatty():
        return None
    while given := _typed("Passphrase for the root key (empty: none)"):
        if given == _typed("The same again"):
            return given
        click.echo("these two differ", err=True)
    return None


def _typed(what: str) -> str:
    given: str = click.prompt(what, hide_input=True, default="", show_default=False, err=True)
    return given


def _full_id(member: Fields) -> str:
    return str(member["id"])


def _member(member: bytes, name: str) -> Fields:
    from ledger.names import Kind, show_id

    return {"id": show_id(Kind.MEMBER, member), "name": name}


@command("show", example="dpnode id show")
def show(run: Run) -> None:
    """This node's member id, name and public keys."""
    from dpnode.identity.identity import Identity
    from ledger.names import Kind, show_id

    identity = Identity.load(run.home)
    value: Fields = {
        "member": _member(identity.member, identity.name),
        "root": show_id(Kind.KEY, identity.root),
        "working": show_id(Kind.KEY, identity.working.public),
        "sealing": show_id(Kind.KEY, identity.sealing),
        "words_confirmed": identity.words_confirmed,
        "home": str(run.home.root),
    }
    if identity.voting is not None:
        value["voting"] = show_id(Kind.KEY, identity.voting.public)
    run.show(
        value,
        lambda shown: [
            facts(
                shown,
                ("Name", "member", lambda member: shapes.name(member["name"])),
                ("Member", "member", _full_id),
                ("First root key", "root", str),
                ("Working key", "working", str),
                ("Sealing key", "sealing", str),
                ("Voting key", "voting", str),
                ("Words confirmed", "words_confirmed", shapes.yes),
                ("Home", "home", str),
            )
        ],
    )


@command("words", example='dpnode id words\ndpnode id words --confirm "3=apple 17=zebra"', writes=True)
@click.option("--confirm", metavar='"N=WORD M=WORD"', help="Show that you have them; the root key is deleted here.")
@click.option("--passphrase-file", type=click.Path(exists=True, dir_okay=False), help="What seals the root key.")
def words(run: Run, confirm: str | None, passphrase_file: str | None) -> None:
    """Print the 24 words; once two of them are typed back, delete the root key from this machine."""
    from dpnode.cli.root import given_passphrase
    from dpnode.identity.identity import Identity
    from dpnode.identity.seal import forget_root, unseal_root
    from dpnode.identity.words import words_of

    Identity.load(run.home)
    entropy = unseal_root(run.home, given_passphrase(run.home, passphrase_file))
    all_words = words_of(entropy)
    if confirm is None and not (sys.stdin.isatty() and sys.stdout.isatty()):
        run.show({"words": all_words, "confirmed": False}, _words)
        return
    if run.dry_run and confirm is None:
        said = (
            "Dry run: you would see your 24 words, be asked for two of them, and the root key would leave this machine."
        )
        run.show({"dry_run": True, "confirmed": False}, lambda _: [Note(text=said)])
        return
    if confirm is None:
        run.show({"words": all_words, "confirmed": False}, _words)
        confirm = _ask_back(secrets.SystemRandom().sample(range(1, len(all_words) + 1), ASKED_WORDS))
    if not _is_right(confirm, all_words):
        raise Problem(FailKind.REFUSED, "these are not the words; nothing was deleted")
    if not run.dry_run:
        forget_root(run.home)
    run.show(
        {"confirmed": True, **({"dry_run": True} if run.dry_run else {})},
        lambda _: [Note(text="Right. The root key leaves this machine; your words are the only copy now.")],
    )


def _words(value: Fields) -> Iterator[Block]:
    numbered = [f"{number:2d}. {word:<10}" for number, word in enumerate(value["words"], 1)]
    yield Exact(text="\n".join("  ".join(numbered[row : row + 4]) for row in range(0, len(numbered), 4)))
    yield Note(
        text="Write them on paper, in this order; whoever has them is you.\n"
        'Then confirm two of them: dpnode id words --confirm "3=WORD 17=WORD"'
    )


def _ask_back(numbers: Sequence[int]) -> str:
    return " ".join(f"{number}={click.prompt(f'Word {number}', err=True).strip()}" for number in sorted(numbers))


def _is_right(confirm: str, all_words: Sequence[str]) -> bool:
    """Whether two different positions are named with their words."""
    pairs: dict[int, str] = {}
    for part in confirm.replace(",", " ").split():
        number, sign, word = part.partition("=")
        if not sign or not number.isdigit() or not 1 <= int(number) <= len(all_words):
            raise Problem(FailKind.USAGE, f'write the words to confirm like "3=word 17=word", not {part[:40]!r}')
        pairs[int(number)] = word.lower()
    if len(pairs) < ASKED_WORDS:
        raise Problem(FailKind.USAGE, f"{ASKED_WORDS} different words are needed, not {len(pairs)}")
    return all(all_words[number - 1] == word for number, word in pairs.items())


@command("nodes", example="dpnode id nodes")
@click.argument("member", required=False)
def nodes(run: Run, member: str | None) -> None:
    """The machines the ledger binds to a member (yours unless you name one)."""
    run.ask(
        BoundNodes(member=member),
        lambda value: [
            Table(
                columns=(
                    Column(title="Peer", key="peer"),
                    Column(title="This machine", key="here", shape=shapes.yes),
                ),
                rows=value.get("nodes", []),
                empty="The ledger binds no machine to this member.",
            )
        ],
    )


id_command = family("id", "This node's identity.", show, words, nodes, *KEY_COMMANDS)
