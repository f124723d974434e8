"""What a call and a counter say: the signed maps, their forms, and typed readings of them.

A proposal's form is the ledger's (`work_terms`), because it travels whole inside an award: what was shown can also be
awarded. A reading is made only from a `Statement` whose map has the form; who signed it is checked by `authenticity`.

Invariant: reading what was written gives the same content (`tests/protocol/negotiation/test_contents.py`).
Source: SPEC N-1, N-2, N-7; the ledger's W-2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ledger.canonical import Value
from ledger.form import ID, MOMENT_MS, PARAMETERS, PRICE_LINE, Bytes, Flag, Int, List, Malformed, Map, Text
from ledger.keys import MemberId
from ledger.operations.work_terms import ARBITERS_MAX, PRICE_LINES_MAX, PriceLine, read_price
from ledger.statement import Statement
from protocol.capability.places import PLACE, Place, place_from_value
from protocol.negotiation.limits import (
    FILE_BYTES_MAX,
    FILES_MAX,
    NAME_BYTES_MAX,
    PART_BYTES_MAX,
    QUANTITY_MAX,
    ROUNDS_MAX,
    TEXT_BYTES_MAX,
)

CALL = "call"
COUNTER = "counter"
NONCE_BYTES = 16
_PRICE = List(PRICE_LINE, 1, PRICE_LINES_MAX)
_ARBITERS = List(ID, 1, ARBITERS_MAX)

CALL_FORM = Map(
    {
        "automatic": Flag(),
        "customer": ID,
        "deliver_by": MOMENT_MS,
        "function": ID,
        "network": ID,
        "nonce": Bytes(NONCE_BYTES),
        "parameters": PARAMETERS,
        "quantity": Int(1, QUANTITY_MAX),
        "reply_by": MOMENT_MS,
    },
    {
        "arbiters": _ARBITERS,
        "asset": ID,
        "budget": _PRICE,
        "design": ID,
        "files": List(Map({"bytes": Int(0, FILE_BYTES_MAX), "hash": ID, "name": Text(NAME_BYTES_MAX)}), 1, FILES_MAX),
        "part": Text(PART_BYTES_MAX),
        "where": PLACE,
    },
)

COUNTER_FORM = Map(
    {"call": ID, "from": ID, "network": ID, "nonce": Bytes(NONCE_BYTES), "round": Int(1, ROUNDS_MAX), "to": ID},
    {"deliver_by": MOMENT_MS, "note": Text(TEXT_BYTES_MAX), "price": Int(0), "quantity": Int(1, QUANTITY_MAX)},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileNamed:
    """A file of the call: who is awarded fetches it and checks it against the salted hash."""

    name: str
    size_bytes: int
    hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What a counter asks to be different; None: as before."""

    price_total: int | None = None
    """At most (from a customer) or at least (from a provider) so many smallest units of the price's one credit."""
    deliver_by_ms: int | None = None
    quantity: int | None = None


UNCHANGED = Changes()
"""As it was called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A reading of a signed call; its id is the statement's."""

    id: bytes
    network: bytes
    customer: MemberId
    function: bytes
    parameters: Mapping[str, Value]
    quantity: int
    deliver_by_ms: int
    reply_by_ms: int
    automatic: bool
    where: Place | None
    arbiters: tuple[MemberId, ...]
    design: bytes | None
    part: str | None
    asset: bytes | None
    files: tuple[FileNamed, ...]
    budget: tuple[PriceLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A reading of a signed counter: the wish to be proposed to, or called, differently."""

    id: bytes
    network: bytes
    call: bytes
    sender: MemberId
    to: MemberId
    round: int
    changes: Changes
    note: str | None


def read_call(statement: Statement) -> Call:
    """The call in `statement`; raises `Malformed` (or `NotCanonical`)."""
    value = statement.content
    CALL_FORM.check(value)
    where = value.get("where")
    return Call(
        id=statement.id,
        network=value["network"],
        customer=MemberId(value["customer"]),
        function=value["function"],
        parameters=value["parameters"],
        quantity=value["quantity"],
        deliver_by_ms=value["deliver_by"],
        reply_by_ms=value["reply_by"],
        automatic=value["automatic"],
        where=None if where is None else place_from_value(where, "where"),
        arbiters=tuple(map(MemberId, value.get("arbiters", ()))),
        design=value.get("design"),
        part=value.get("part"),
        asset=value.get("asset"),
        files=tuple(FileNamed(name=f["name"], size_bytes=f["bytes"], hash=f["hash"]) for f in value.get("files", ())),
        budget=read_price(value.get("budget", [])),
    )


def read_intent(statement: Statement) -> Intent:
    """The counter in `statement`; raises `Malformed` (or `NotCanonical`)."""
    value = statement.content
    COUNTER_FORM.check(value)
    changes = Changes(
        price_total=value.get("price"), deliver_by_ms=value.get("deliver_by"), quantity=value.get("quantity")
    )
    if changes == Changes():
        raise Malformed("", "a counter asks for a price, a date or a quantity")
    return Intent(
        id=statement.id,
        network=value["network"],
        call=value["call"],
        sender=MemberId(value["from"]),
        to=MemberId(value["to"]),
        round=value["round"],
        changes=changes,
        note=value.get("note"),
    )


def total(price: tuple[PriceLine, ...]) -> tuple[bytes, int] | None:
    """(credit, smallest units) of a price that is all in one credit; None for one that cannot be compared."""
    things = {line.thing for line in price}
    if len(things) != 1 or any(line.kind != "credit" for line in price):
        return None
    return price[0].thing, sum(line.amount for line in price)
