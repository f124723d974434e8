"""`dpnode network`: found, invite, uninvite, invitations, join, show, members."""

import re
import time
from collections.abc import Iterator

import click

from dpnode.cli import shapes
from dpnode.cli.arguments import SPAN
from dpnode.cli.beginning import beginning_options
from dpnode.cli.blocks import Block, Column, Exact, Note, Table, facts
from dpnode.cli.commands.keys import come_back, ticket
from dpnode.cli.commands.motion import witnesses
from dpnode.cli.commands.proof import deliver, out_option
from dpnode.cli.frame import Run, command, family, wait_option
from dpnode.cli.root import SECRET_FILE, root_options, unlock_root
from dpnode.control.answers import Fields
from dpnode.control.questions.network import (
    INVITATION_LASTS_MS,
    InvitationList,
    MemberList,
    NetworkCharter,
    NetworkFound,
    NetworkInvite,
    NetworkJoin,
    NetworkShow,
    NetworkUninvite,
)
from dpnode.errors import FailKind, Problem

INVITATION_BEGINS = "dpnode-invite-1-"

WHAT_MEMBERS_SEE = (
    "Every member sees every member's name, what they own, owe, promised, delivered and paid, for good.\n"
    "Addresses, drawings, messages and photos stay off the ledger and go only to those concerned; "
    "a place is known to about 5 km until an award."
)


@command("found", example='dpnode network found Neighbourhood --purpose "We make things here"', writes=True)
@click.argument("name")
@click.option("--purpose", default="", help="One sentence in the charter.")
@root_options
def found(run: Run, name: str, purpose: str, words_file: str | None, passphrase_file: str | None) -> None:
    """Found a network with yourself as first member and witness; works with or without a daemon."""
    root = unlock_root(run.home, words_file=words_file, passphrase_file=passphrase_file)
    run.ask(NetworkFound(network_name=name, purpose=purpose, root_seed=root.root_0_seed, dry_run=run.dry_run), _entered)


def _entered(value: Fields) -> Iterator[Block]:
    yield facts(
        value,
        ("Network", "network", shapes.party),
        ("Id", "network", lambda network: str(network.get("id", "given when it is founded"))),
        ("Member", "member", shapes.party),
        ("Sponsor", "sponsor", shapes.party),
        ("Height", "height", shapes.count),
        ("Binding", "binding", str),
    )
    yield Note(text=WHAT_MEMBERS_SEE)


@command("invite", example="dpnode network invite --for printshop --lasts 7d", writes=True)
@click.option("--for", "guest", default="", help="A note for yourself; not on the ledger.")
@click.option("--lasts", "lasts_ms", type=SPAN, default=INVITATION_LASTS_MS, metavar="SPAN", help="Until it ends (7d).")
@wait_option
def invite(run: Run, guest: str, lasts_ms: int, wait_ms: int) -> None:
    """Make an invitation: one string, for one guest, to be sent by a way you trust."""
    run.ask(NetworkInvite(guest=guest, lasts_ms=lasts_ms, wait_ms=wait_ms, dry_run=run.dry_run), _invited)


def _invited(value: Fields) -> Iterator[Block]:
    if value.get("invitation"):
        yield Exact(text=value["invitation"])
    yield facts(
        value,
        ("Id", "id", shapes.ident),
        ("Ends", "expires_ms", shapes.when),
        ("Entry", "entry", shapes.ident),
        ("Binding", "binding", str),
    )
    yield from _notes(value)
    yield Note(
        text="Whoever has this string can join once in your name as sponsor: send it privately. "
        "`dpnode network uninvite` takes it back."
    )


@command(
    "uninvite",
    example="dpnode network uninvite key-mfrggzdfmz\ndpnode network uninvite dpnode-invite-1-...",
    writes=True,
)
@click.argument("invitation")
@wait_option
def uninvite(run: Run, invitation: str, wait_ms: int) -> None:
    """Take back an invitation that nobody has used: its id, the beginning of one, or the string itself."""
    meant = _invitation_in(invitation) if INVITATION_BEGINS in invitation else invitation
    run.ask(NetworkUninvite(id=meant, wait_ms=wait_ms, dry_run=run.dry_run), _uninvited)


def _uninvited(value: Fields) -> Iterator[Block]:
    yield facts(
        value, ("Taken back", "id", shapes.ident), ("Entry", "entry", shapes.ident), ("Binding", "binding", str)
    )
    yield from _notes(value)


def _notes(value: Fields) -> Iterator[Block]:
    return (Note(text=note) for note in value.get("notes", []))


@command("invitations", example="dpnode network invitations")
def invitations(run: Run) -> None:
    """Your invitations that can still be used, and until when."""
    run.ask(InvitationList(), _invitations)


def _invitations(value: Fields) -> Iterator[Block]:
    yield Table(
        columns=(
            Column(title="Invitation", key="id", shape=shapes.ident),
            Column(title="Made", key="since_ms", shape=shapes.when),
            Column(title="Ends", key="expires_ms", shape=shapes.when),
            Column(title="Refused tries", key="tries", shape=shapes.count, right=True),
        ),
        rows=value.get("invitations", []),
        empty="No open invitation.",
    )
    yield Note(text=f"At most {value.get('most', 3)} at once; `dpnode network uninvite` takes one back.")


@command(
    "join", example="dpnode network join dpnode-invite-1-...\ndpnode network join --file invitation.txt", writes=True
)
@click.argument("invitation", required=False)
@click.option("--file", "path", type=SECRET_FILE, help="Read it from here.")
@beginning_options
@root_options
@click.option("--wait", "wait_ms", type=SPAN, default=60_000, metavar="SPAN", help="Give up after so long (60s).")
def join(
    run: Run,
    invitation: str | None,
    path: str | None,
    snapshot: str | None,
    whole: bool,
    words_file: str | None,
    passphrase_file: str | None,
    wait_ms: int,
) -> None:
    """Join a network by an invitation; the daemon must be up."""
    if (invitation is None) == (path is None):
        raise Problem(FailKind.USAGE, "give the invitation, or --file with it")
    if invitation is None:
        with click.open_file(str(path), encoding="utf-8") as file:
            invitation = file.read(16_384)
    found = _readable(_invitation_in(invitation))
    root = unlock_root(run.home, words_file=words_file, passphrase_file=passphrase_file)
    run.ask(
        NetworkJoin(
            invitation=found,
            root_seed=root.root_0_seed,
            snapshot=snapshot,
            whole=whole,
            wait_ms=wait_ms,
            dry_run=run.dry_run,
        ),
        _entered,
    )


def _readable(invitation: str) -> str:
    """The same; raises `Problem` where it is damaged or has ended, before anybody types a passphrase."""
    from ledger.errors import RemoteError
    from protocol.joining import read_invitation

    try:
        read_invitation(invitation, time.time_ns() // 1_000_000)
    except RemoteError as problem:
        raise Problem(FailKind.REFUSED, problem.reason) from problem
    return invitation


def _invitation_in(text: str) -> str:
    """The invitation in a text that may hold more: a saved answer of `invite`, or one pasted with line breaks."""
    _, begin, rest = text.partition(INVITATION_BEGINS)
    if not begin:
        # Told before the words are typed, which are many.
        raise Problem(FailKind.USAGE, f"an invitation begins with {INVITATION_BEGINS}")
    # It ends at an empty line; what `invite` prints below it is no part of it.
    return begin + "".join(re.split(r"\n[ \t\r]*\n", rest, maxsplit=1)[0].split()).strip("\"'")


@command("show", example="dpnode network show")
def show(run: Run) -> None:
    """The charter: name, purpose, witnesses, rules."""
    run.ask(NetworkShow(), _shown)


def _shown(value: Fields) -> Iterator[Block]:
    yield facts(
        value,
        ("Name", "name", shapes.name),
        ("Network", "id", str),
        ("Purpose", "purpose", str),
        ("Members", "members", shapes.count),
        ("Height", "height", shapes.count),
        ("Last block", "block_ms", shapes.when),
        ("State root", "root", shapes.root),
    )
    yield Table(
        title="Witnesses",
        columns=(
            Column(title="Member", key="name", shape=shapes.name),
            Column(title="Id", key="id", shape=shapes.ident),
        ),
        rows=value.get("witnesses", []),
        empty="No witness.",
    )
    if value.get("withstands"):
        yield Note(text=f"{value['withstands']}.")
    rules = value.get("rules", {})
    yield facts(rules, *((key, key, str) for key in rules), title="Rules")


@command("charter", example="dpnode network charter --out charter")
@out_option
def charter(run: Run, out: str | None) -> None:
    """The charter's bytes, for whoever checks proofs and exports."""
    deliver(run, NetworkCharter(), "charter", out)


@command("members", example="dpnode network members")
def members(run: Run) -> None:
    """Who is in the network, and who vouched for whom."""
    run.ask(MemberList(), _members)


def _members(value: Fields) -> Iterator[Block]:
    yield Table(
        columns=(
            Column(title="Member", key="name", shape=shapes.name),
            Column(title="Id", key="id", shape=shapes.ident),
            Column(title="Sponsor", key="sponsor", shape=shapes.party),
            Column(title="Since", key="since_ms", shape=shapes.when),
            Column(title="Machines", key="machines", shape=shapes.count, right=True),
            Column(title="Here now", key="connected", shape=shapes.yes),
            Column(title="Note", key="note"),
        ),
        rows=value.get("members", []),
        empty="No members.",
    )


network_command = family(
    "network",
    "Found, invite to, join or look at a network.",
    found,
    invite,
    uninvite,
    invitations,
    join,
    ticket,
    come_back,
    show,
    charter,
    members,
    witnesses,
)
