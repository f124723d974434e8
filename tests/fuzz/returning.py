"""The harnesses of coming back: tickets, cards, a guest's requests under a root key, and the replies to them."""

from __future__ import annotations

from functools import cache

from ledger.canonical import digest, encode
from ledger.charter import founding_id
from ledger.errors import RemoteError
from ledger.statement import sign_statement
from protocol.joining import Declined
from protocol.pasted import BadText, write_pasted
from protocol.returning import (
    CARD_BEGINS,
    TICKET_BEGINS,
    Card,
    Ticket,
    Welcome,
    ask_restore,
    ask_return,
    is_replaced,
    is_return,
    make_card,
    read_card,
    read_return,
    read_ticket,
    read_welcome,
    restoring_entries,
    stands_already,
    welcome_reply,
    write_card,
    write_ticket,
)
from tests.ledger.town import DAY_MS, START_MS, Person, Town

HOST, LOST, NEW = Person(0), Person(1), Person(8)
"""Person 8 is no member: its keys are those of the other's new machine."""


@cache
def town() -> Town:
    """Four members and no history."""
    return Town()


def ticket_made() -> Ticket:
    """Into that town."""
    head = town().chain.head
    return Ticket(
        network=town().network,
        peer=HOST.peer,
        addresses=("/ip4/127.0.0.1/tcp/4001",),
        height=head.height,
        block=head.block,
    )


def card_made() -> Card:
    """Of the new machine."""
    return make_card(
        network=town().network, member=LOST.id, working=NEW.working, network_key=NEW.machine, sealing=NEW.sealing
    )


def ticket(data: bytes) -> bool:
    """P-57: bytes as the body of a ticket, the check put right."""
    try:
        read = read_ticket(write_pasted(TICKET_BEGINS, "ticket", data))
    except BadText:
        return False
    assert read_ticket(write_ticket(read)) == read
    return True


def ticket_seeds() -> list[bytes]:
    """The body of one."""
    one = ticket_made()
    addresses = list(one.addresses)
    return [
        encode(
            {"addresses": addresses, "block": one.block, "height": 7, "network": one.network, "peer": one.peer},
        )
    ]


def card(data: bytes) -> bool:
    """P-57."""
    try:
        read = read_card(write_pasted(CARD_BEGINS, "machine-card", data))
    except BadText:
        return False
    assert read_card(write_card(read)) == read
    return True


def card_seeds() -> list[bytes]:
    """A good body, and one whose statements say nothing."""
    one = card_made()
    good = {"key": one.key, "machine": one.machine}
    empty = sign_statement("key", {}, NEW.working)
    rest = {"network": one.network, "sealing": one.sealing}
    return [
        encode({**{name: said.to_value() for name, said in good.items()}, **rest}),
        encode({"key": empty.to_value(), "machine": one.machine.to_value(), **rest}),
    ]


def request(data: bytes) -> bool:
    """P-58, P-59."""
    chain = town().chain
    try:
        read = read_return(chain, data, NEW.peer, HOST.peer)
    except Declined:
        return False
    assert is_return(data)
    if read.entry is not None:
        stands_already(chain, read, NEW.peer)
    return True


def request_seeds() -> list[bytes]:
    """One of every request."""
    asked, said = ticket_made(), Welcome(charter=town().charter, signatures={}, next_number=1, keys={}, peers=())
    certify, machine = restoring_entries(
        card_made(), LOST.root, NEW.working, said, until_ms=START_MS + DAY_MS, is_alone=False
    )
    return [
        ask_return("return", asked, LOST.root, NEW.peer),
        ask_return("restored", asked, LOST.root, NEW.peer, entry=digest("some entry")),
        ask_restore(asked, LOST.root, NEW.peer, certify),
        ask_restore(asked, LOST.root, NEW.peer, machine),
    ]


def welcome(data: bytes) -> bool:
    """P-59a."""
    try:
        is_replaced(data, LOST.root.public)
        read_welcome(data, ticket_made())
    except RemoteError:
        return False
    return True


def welcome_seeds() -> list[bytes]:
    """The charter with its founders' signatures."""
    made = town()
    signatures: dict[bytes, bytes] = {
        person.id: person.root.sign(founding_id(made.network)) for person in made.people[:4]
    }
    asked = read_return(made.chain, request_seeds()[0], NEW.peer, HOST.peer)
    return [welcome_reply(made.chain, signatures, asked), encode({"replaced": LOST.root.public})]
