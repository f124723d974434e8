"""`dpnode id keys | certify | revoke | rotate | card | machine` and `dpnode network ticket | return`.

The words are asked for only where the root must sign. Which root key that is the ledger says: the command asks the
daemon first, and hands it the seed of that one alone.
"""

from collections.abc import Iterator

import click

from dpnode.cli import shapes
from dpnode.cli.arguments import SPAN
from dpnode.cli.beginning import beginning_options
from dpnode.cli.blocks import Block, Column, Exact, Note, Table, facts
from dpnode.cli.frame import Run, command, family, wait_option
from dpnode.cli.root import root_options, unlock_entropy
from dpnode.control.answers import Fields
from dpnode.control.questions.identity import (
    IdBind,
    IdCertify,
    IdKeys,
    IdReturn,
    IdRevoke,
    IdRotate,
    IdTicket,
    IdUnbind,
)
from dpnode.errors import FailKind, Problem
from dpnode.identity.roots import RootSeeds, roots_in_force


def _root_in_force(run: Run, words_file: str | None, passphrase_file: str | None) -> RootSeeds:
    """The root key that the ledger names; the daemon is asked before the words are, which are many."""
    root = run.value_of(IdKeys())["root"]
    entropy = unlock_entropy(run.home, words_file=words_file, passphrase_file=passphrase_file)
    return roots_in_force(entropy, root)


@command("keys", example="dpnode id keys --json")
def keys(run: Run) -> None:
    """The keys that speak or spoke for you, your machines, and which are this machine's."""
    run.ask(IdKeys(), _keys)


def _keys(value: Fields) -> Iterator[Block]:
    yield Table(
        title="Keys",
        columns=(
            Column(title="Key", key="id", shape=shapes.ident),
            Column(title="Role", key="role"),
            Column(title="Since", key="since_ms", shape=shapes.when),
            Column(title="Ended", key="ended_ms", shape=shapes.when),
            Column(title="Last number", key="entries", shape=shapes.count, right=True),
            Column(title="This machine", key="here", shape=shapes.yes),
        ),
        rows=value.get("keys", []),
        empty="No key.",
    )
    yield Table(
        title="Machines",
        columns=(Column(title="Peer", key="peer"), Column(title="This machine", key="here", shape=shapes.yes)),
        rows=value.get("machines", []),
        empty="The ledger binds no machine to you.",
    )


@command("rotate", example="dpnode id rotate --words-file words.txt", writes=True)
@root_options
@wait_option
def rotate(run: Run, words_file: str | None, passphrase_file: str | None, wait_ms: int) -> None:
    """Put your next root key in the place of the one in force; your 24 words stay the same."""
    roots = _root_in_force(run, words_file, passphrase_file)
    run.ask(
        IdRotate(
            root_seed=roots.seed,
            next_seed=roots.next_seed,
            after=roots.after,
            wait_ms=wait_ms,
            dry_run=run.dry_run,
        ),
        _rotated,
    )


def _rotated(value: Fields) -> Iterator[Block]:
    yield facts(
        value, ("Root key now", "root", shapes.ident), ("Entry", "entry", shapes.ident), ("Binding", "binding", str)
    )
    yield Note(text="The root key before it signs nothing more. Your 24 words stay the same: they give every root key.")


@command(
    "revoke",
    example="dpnode id revoke key-mfrggzdfmz --words-file words.txt\n"
    "dpnode id revoke key-mfrggzdfmz --machine 12D3KooWQm4xDqT3",
    writes=True,
)
@click.argument("key")
@click.option("--machine", "machines", multiple=True, help="Unbind this machine (peer id) as well; may be repeated.")
@root_options
@wait_option
def revoke(
    run: Run, key: str, machines: tuple[str, ...], words_file: str | None, passphrase_file: str | None, wait_ms: int
) -> None:
    """End a working key of yours, as that of a lost machine: from that block on it signs nothing more."""
    root = _root_in_force(run, words_file, passphrase_file)
    run.ask(IdRevoke(key=key, machines=machines, root_seed=root.seed, wait_ms=wait_ms, dry_run=run.dry_run), _revoked)


def _revoked(value: Fields) -> Iterator[Block]:
    yield facts(
        value,
        ("Revoked", "key", shapes.ident),
        ("Unbound", "unbound", " ".join),
        ("Entry", "entry", shapes.ident),
        ("Binding", "binding", str),
    )
    if value.get("left"):
        yield Note(
            text="Still let in as yours: " + " ".join(value["left"]) + ". If one of them is the lost machine: "
            "dpnode id machine remove PEER"
        )


@command("certify", example="dpnode id certify dpnode-machine-1-... --words-file words.txt", writes=True)
@click.argument("card")
@root_options
@wait_option
def certify(run: Run, card: str, words_file: str | None, passphrase_file: str | None, wait_ms: int) -> None:
    """Name the working key of another machine of yours, by the card that machine printed (dpnode id card)."""
    root = _root_in_force(run, words_file, passphrase_file)
    run.ask(IdCertify(card=card, root_seed=root.seed, wait_ms=wait_ms, dry_run=run.dry_run), _certified)


def _certified(value: Fields) -> Iterator[Block]:
    yield facts(value, ("Named", "key", shapes.ident), ("Entry", "entry", shapes.ident), ("Binding", "binding", str))
    yield Note(text="What is sealed to you from now on, that machine opens. Its machine: dpnode id machine add CARD")


@command("card", example="dpnode id card dpnode-ticket-1-...")
@click.argument("ticket")
def card(run: Run, ticket: str) -> None:
    """Print this machine's card, for a machine of yours that is in the network already; asks no daemon."""
    from dpnode.identity.identity import Identity
    from ledger.keys import SigningKey
    from ledger.names import Kind, show_id
    from protocol.returning import make_card, write_card

    identity = Identity.load(run.home)
    network = _ticket_in(ticket)
    made = make_card(
        network=network,
        member=identity.member,
        working=identity.working,
        network_key=SigningKey(identity.network_seed),
        sealing=identity.sealing,
    )
    run.show({"card": write_card(made), "key": show_id(Kind.KEY, made.key.key)}, _card)


def _ticket_in(text: str) -> bytes:
    """The network that a ticket names; raises `Problem` (USAGE)."""
    from ledger.errors import RemoteError
    from protocol.returning import read_ticket

    try:
        return read_ticket(text).network
    except RemoteError as problem:
        raise Problem(FailKind.USAGE, problem.reason) from problem


def _card(value: Fields) -> Iterator[Block]:
    yield Exact(text=value["card"])
    yield facts(value, ("Working key", "key", str))
    yield Note(
        text="It holds no secret, but must come to your other machine unchanged: compare the working key there.\n"
        "There: dpnode id certify CARD, then dpnode id machine add CARD. Then here: dpnode network return TICKET"
    )


@command("add", example="dpnode id machine add dpnode-machine-1-...", writes=True)
@click.argument("card")
@wait_option
def add(run: Run, card: str, wait_ms: int) -> None:
    """Bind another machine to you, by the card it printed (dpnode id card)."""
    run.ask(IdBind(card=card, wait_ms=wait_ms, dry_run=run.dry_run), _machine)


@command("remove", example="dpnode id machine remove 12D3KooWQm4xDqT3", writes=True)
@click.argument("peer")
@wait_option
def remove(run: Run, peer: str, wait_ms: int) -> None:
    """Unbind a machine of yours: the others end their connections with it and let it in no more."""
    run.ask(IdUnbind(peer=peer, wait_ms=wait_ms, dry_run=run.dry_run), _machine)


def _machine(value: Fields) -> Iterator[Block]:
    yield facts(value, ("Peer", "peer", str), ("Entry", "entry", shapes.ident), ("Binding", "binding", str))


@command("ticket", example="dpnode network ticket")
def ticket(run: Run) -> None:
    """Where this network is reached, for a member that lost its machine; nobody joins with it."""
    run.ask(IdTicket(), _ticket)


def _ticket(value: Fields) -> Iterator[Block]:
    yield Exact(text=value["ticket"])
    yield Note(
        text="It names this machine's addresses and a recent block, and holds no secret. Whoever lost a machine: "
        "dpnode init --restore, dpnode up, dpnode network return TICKET"
    )


@command(
    "return",
    example="dpnode network return dpnode-ticket-1-... --words-file words.txt\n"
    "dpnode network return dpnode-ticket-1-... --all-lost",
    writes=True,
)
@click.argument("ticket")
@click.option(
    "--all-lost", "alone", is_flag=True, help="End every other working key and machine of yours, first of all."
)
@beginning_options
@root_options
@click.option("--wait", "wait_ms", type=SPAN, default=60_000, metavar="SPAN", help="Give up after so long (60s).")
def come_back(
    run: Run,
    ticket: str,
    alone: bool,
    snapshot: str | None,
    whole: bool,
    words_file: str | None,
    passphrase_file: str | None,
    wait_ms: int,
) -> None:
    """Come back as the member you are, on a machine restored from your words; the daemon must be up."""
    # Told before the words are typed, which are many.
    _ticket_in(ticket)
    entropy = unlock_entropy(run.home, words_file=words_file, passphrase_file=passphrase_file)
    run.ask(
        IdReturn(
            ticket=ticket,
            entropy=entropy,
            alone=alone,
            snapshot=snapshot,
            whole=whole,
            wait_ms=wait_ms,
            dry_run=run.dry_run,
        ),
        _returned,
    )


def _returned(value: Fields) -> Iterator[Block]:
    yield facts(
        value,
        ("Network", "network", shapes.party),
        ("Member", "member", shapes.party),
        ("Height", "height", shapes.count),
        ("Binding", "binding", str),
    )
    if not value.get("dry_run") and not value.get("alone"):
        yield Note(text="If your old machine was lost or stolen, end its key now: dpnode id keys, dpnode id revoke KEY")


machine = family("machine", "Your machines, as the ledger binds them.", add, remove)
KEY_COMMANDS = (keys, rotate, revoke, certify, card, machine)
