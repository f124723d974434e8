"""The harnesses of joining: invitations, a guest's requests under one, and the replies to them."""

from __future__ import annotations

from base64 import b32decode, b32encode
from functools import cache

from ledger.canonical import digest
from ledger.charter import founding_id
from ledger.errors import RemoteError
from protocol.joining import (
    PREFIX,
    Declined,
    Invitation,
    ask,
    charter_reply,
    join_request,
    outcome_reply,
    read_charter_reply,
    read_invitation,
    read_next_number,
    read_outcome,
    read_request,
    write_invitation,
)
from tests.ledger.town import DAY_MS, START_MS, Person, Town
from tests.vectors.of_ledger import ledger_of_blocks


@cache
def town() -> Town:
    """A ledger with some history and an open invitation."""
    made = ledger_of_blocks()
    assert made.invite(Person(9), sponsor=2) == ""
    return made


@cache
def invitation_made() -> Invitation:
    """An invitation into the town."""
    made = town()
    return Invitation(
        network=made.network,
        peer=Person(0).peer,
        addresses=("/ip4/127.0.0.1/tcp/4001",),
        seed=(b"invite 9" + bytes(32))[:32],
        until_ms=START_MS + DAY_MS,
        height=made.chain.head.height,
        block=made.chain.head.block,
        certificate=b"",
    )


def invitation(data: bytes) -> bool:
    """P-50: bytes are read as text, and as a body that was put behind the prefix with the right check."""
    taken = False
    for text in (data.decode("utf-8", "replace"), wrapped(data)):
        try:
            read = read_invitation(text, START_MS)
        except RemoteError:
            continue
        taken = True
        assert read_invitation(write_invitation(read), START_MS) == read
    return taken


def wrapped(body: bytes) -> str:
    """Any body as an invitation's text."""
    return PREFIX + b32encode(body + digest("invitation", body)[:4]).decode().rstrip("=").lower()


def invitation_seeds() -> list[bytes]:
    """The text, and its body."""
    text = write_invitation(invitation_made())
    packed = text[len(PREFIX) :].upper()
    return [text.encode(), b32decode(packed + "=" * (-len(packed) % 8))[:-4]]


def request(data: bytes) -> bool:
    """P-51."""
    made = town()
    try:
        read_request(made.chain, data, Person(9).peer, Person(0).peer)
    except Declined:
        return False
    return True


def request_seeds() -> list[bytes]:
    """One of every request."""
    made, asked = town(), invitation_made()
    joining = made.entry(Person(9).invite, "membership.join/1", made.joining(Person(9)))
    return [
        ask("charter", asked, Person(9).peer),
        ask("outcome", asked, Person(9).peer, entry=bytes(32)),
        join_request(asked, Person(9).peer, joining),
    ]


def replies(data: bytes) -> bool:
    """P-52."""
    taken = 0
    for read in (
        lambda: read_charter_reply(data, invitation_made()),
        lambda: read_next_number(data),
        lambda: read_outcome(data),
    ):
        try:
            read()
        except RemoteError:
            continue
        taken += 1
    return taken > 0


def reply_seeds() -> list[bytes]:
    """A charter's reply and outcomes."""
    made = town()
    signatures: dict[bytes, bytes] = {
        person.id: person.root.sign(founding_id(made.network)) for person in made.people[:4]
    }
    return [
        charter_reply(made.chain, signatures, bytes(32)),
        charter_reply(made.chain, signatures, made.people[0].working.public),
        outcome_reply("pending"),
        outcome_reply("final", "member.bad-key", 7),
    ]
