"""Vectors of the ledger itself: an entry of every operation, a whole history of blocks, and what breaks a rule in them.

Source: SPEC E-1 to E-4, B-9 to B-12, V-3, V-4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ledger.block import Block, write_block
from ledger.canonical import INTEGER_MAX, decode, digest, encode
from ledger.chain import Chain
from ledger.consensus.votes import VoteKind, sign_vote, vote_statement, write_certificate
from ledger.entry import Entry, read_entry
from ledger.fold import is_fully_signed
from ledger.keys import SigningKey
from ledger.operations.assets import registration
from ledger.operations.seats import rekey_consent, seat_consent
from ledger.statement import Statement, sign_statement
from tests.ledger.town import DAY_MS, START_MS, Person, Town, certificate, remade
from tests.vectors.of_bytes import Vectors


def operations(town: Town) -> dict[str, tuple[SigningKey, dict[str, Any]]]:
    """A form of every operation with all its fields."""
    ada, ben, guest = Person(0), Person(1), Person(7)
    job, thing = bytes(range(32)), b"c" * 32
    accept = town.acceptance(0, 1, 4, asset=thing).to_value()
    proposal = sign_statement("proposal", PROPOSAL | {"network": town.network}, ben.working).to_value()
    key_consent = {"key": Person(9).working.public, "member": ada.id, "network": town.network}
    rotation = {"member": ada.id, "network": town.network, "next": bytes(32)}
    place, note = {"lat": 4785, "lon": 1605}, "for the brackets"
    owners: list[dict[str, Any]] = [{"member": ada.id, "units": 6}, {"member": ben.id, "units": 4}]
    texts = {"about": "two\nlines", "kind": "printer", "maker": "m", "model": "o", "name": "n", "serial": "7"}
    hashes = {"papers": [thing, job], "photo": thing, "title": job}
    asset = {**texts, **hashes, "owners": owners, "place": place, "units": 10}
    owners[1]["accept"] = town.acceptance(0, 1, 4, asset=registration(asset)).to_value()
    return {
        "membership.invite/1": (
            ada.working,
            {"consent": town.inviting(guest.invite).to_value(), "until": START_MS + DAY_MS},
        ),
        "membership.uninvite/1": (ada.working, {"key": guest.invite.public}),
        "membership.join/1": (guest.invite, town.joining(guest)),
        "membership.machine/1": (ada.working, {"machine": town.machine(ada.id, Person(9).machine).to_value()}),
        "membership.unbind/1": (ada.working, {"peer": ada.peer}),
        "membership.profile/1": (
            ada.working,
            {"about": "wood\nand steel", "gifts": True, "name": "Ada", "place": place},
        ),
        "membership.certify/1": (
            ada.root,
            {"consent": sign_statement("key", key_consent, Person(9).working).to_value(), "sealing": thing},
        ),
        "membership.revoke/1": (ada.root, {"key": ada.working.public}),
        "membership.rotate/1": (
            ada.root,
            {"consent": sign_statement("new-root", rotation, ada.next_root).to_value()},
        ),
        "membership.leave/1": (ada.working, {}),
        "credits.open/1": (ada.working, {"decimals": 2, "redeemable": "bread", "unit": "EUR"}),
        "credits.issue/1": (ada.working, {"amount": INTEGER_MAX, "credit": thing, "note": note, "to": ben.id}),
        "credits.pay/1": (ada.working, {"amount": 1, "credit": thing, "note": note, "to": ben.id}),
        "credits.redeem/1": (ada.working, {"amount": 1, "credit": thing, "note": note}),
        "assets.register/1": (ada.working, asset),
        "assets.vouch/1": (ada.working, {"asset": thing, "title": job}),
        "shares.transfer/1": (
            ada.working,
            {"accept": accept, "asset": thing, "note": note, "to": ben.id, "units": 4},
        ),
        "work.award/1": (ada.working, {"arbiter": Person(2).id, "proposals": [proposal]}),
        "work.progress/1": (ben.working, {"job": job, "note": note, "percent": 50}),
        "work.deliver/1": (ben.working, {"evidence": [thing], "job": job, "quantity": 3}),
        "work.receipt/1": (
            ada.working,
            {"accepted": 2, "evidence": [thing], "job": job, "quality": "good", "rejected": 1},
        ),
        "work.claim/1": (ben.working, {"job": job}),
        "work.cancel/1": (ada.working, {"job": job}),
        "work.fail/1": (ben.working, {"job": job, "reason": note}),
        "work.void/1": (ada.working, {"job": job}),
        "work.dispute/1": (ada.working, {"evidence": [thing], "job": job, "reason": note}),
        "work.rule/1": (Person(2).working, {"job": job, "provider_bp": 6_667}),
        **of_witnesses(town, job),
        **of_owners(job),
    }


def of_witnesses(town: Town, motion: bytes) -> dict[str, tuple[SigningKey, dict[str, Any]]]:
    """A form of every operation by which members decide who orders entries."""
    ada, ben, network = Person(0), Person(1), town.network
    seat = sign_statement("seat", seat_consent(network, ben.id, motion), ben.voting)
    follows = sign_statement("seat", rekey_consent(network, ada.id, ada.voting.public), Person(9).voting)
    votes = {"first": VoteKind.NULLIFY, "second": VoteKind.FINALIZE}
    return {
        "motion.open/1": (
            ada.working,
            {"about": "two\nlines", "matter": {"kind": "seat", "member": ben.id}, "until": START_MS + DAY_MS},
        ),
        "motion.vote/1": (ben.working, {"motion": motion, "yes": False}),
        "motion.withdraw/1": (ada.working, {"motion": motion}),
        "seat.accept/1": (ben.working, {"consent": seat.to_value(), "motion": motion}),
        "seat.rekey/1": (ada.working, {"consent": follows.to_value()}),
        "seat.resign/1": (ada.working, {}),
        "evidence.votes/1": (
            ben.working,
            {name: vote(town, ada.voting, kind).to_value() for name, kind in votes.items()},
        ),
    }


def of_owners(other: bytes) -> dict[str, tuple[SigningKey, dict[str, Any]]]:
    """A form of every operation by which things are owned together, and an act of a group."""
    ada, ben, asset, until = Person(0), Person(1), b"c" * 32, START_MS + DAY_MS
    people = [{"member": ada.id, "weight": 1}, {"member": ben.id, "weight": 1_000_000}]
    part = {"name": "east", "owners": [{"member": ben.id, "units": 4}], "units": 4}
    matter = {"asset": asset, "kind": "partition", "parts": [part, {**part, "about": "two\nlines", "serial": "7"}]}
    return {
        "groups.found/1": (ada.working, {"gifts": False, "members": people, "name": "mañana", "needed": 2}),
        "groups.join/1": (ben.working, {"group": other, "version": 1}),
        "groups.leave/1": (ben.working, {"group": other}),
        "groups.change/1": (
            ada.working,
            {"ask": people, "gifts": True, "name": "mill", "needed": 3, "remove": [ben.id]},
        ),
        "shares.offer/1": (
            ada.working,
            {"asset": asset, "note": "mañana", "to": other, "units": 4, "until": until},
        ),
        "shares.take/1": (ben.working, {"offer": other}),
        "shares.bid/1": (
            ben.working,
            {"amount": INTEGER_MAX, "asset": asset, "credit": other, "note": "mañana", "until": until},
        ),
        "shares.withdraw/1": (ada.working, {"offer": other}),
        "shares.lend/1": (
            ada.working,
            {"asset": asset, "note": "mañana", "right": "use", "to": ben.id, "units": 4, "until": until},
        ),
        "shares.return/1": (ben.working, {"lent": other}),
        "shares.static/1": (ben.working, {"asset": asset, "static": True}),
        "groups.act/1": (
            ada.working,
            {"act": {"matter": matter, "t": "motion.open/1", "until": until}, "group": other, "until": until},
        ),
        "groups.agree/1": (ben.working, {"act": other}),
        "groups.disagree/1": (ben.working, {"act": other}),
    }


def vote(town: Town, signer: SigningKey, kind: VoteKind) -> Statement:
    """A vote of the first epoch's third view, on a block unless it nullifies."""
    block = b"" if kind is VoteKind.NULLIFY else b"b" * 32
    signature = sign_vote(signer, town.network, 1, 3, kind, block)
    return vote_statement(town.network, signer.public, epoch=1, view=3, kind=kind, block=block, signature=signature)


PROPOSAL: dict[str, Any] = {
    "arbiters": [Person(2).id],
    "call": b"l" * 32,
    "customer": Person(0).id,
    "deliver_by": START_MS + DAY_MS,
    "function": b"f" * 32,
    "nonce": bytes(16),
    "parameters": {"length": {"d": 2, "n": 81, "u": "mm"}, "material": "PLA"},
    "price": [{"amount": 12, "id": b"c" * 32, "kind": "credit"}],
    "provider": Person(1).id,
    "quantity": 3,
    "terms": {
        "cancel": {"awarded": 0, "delivered": 10_000, "started": 2_500},
        "inspection_ms": DAY_MS,
        "silence_ms": DAY_MS,
        "silence_split_bp": 5_000,
        "void_after_ms": DAY_MS,
    },
    "until": START_MS + DAY_MS,
}

BREAKS: tuple[tuple[str, str, Callable[[dict[str, Any]], Any]], ...] = (
    ("no network", "E-2", lambda c: c.pop("network")),
    ("no key", "E-2", lambda c: c.pop("key")),
    ("no number", "E-2", lambda c: c.pop("seq")),
    ("no end", "E-2", lambda c: c.pop("until")),
    ("no operation", "E-2", lambda c: c.pop("op")),
    ("a short network", "E-2", lambda c: c.update(network=bytes(31))),
    ("a key that is text", "E-2", lambda c: c.update(key="k" * 32)),
    ("the number 0", "E-2", lambda c: c.update(seq=0)),
    ("a number that is true", "E-2", lambda c: c.update(seq=True)),
    ("an end before 1970", "E-2", lambda c: c.update(until=-1)),
    ("an end after 2^47", "E-2", lambda c: c.update(until=2**47 + 1)),
    ("skips that is false", "E-2", lambda c: c.update(skips=False)),
    ("skips that is 1", "E-2", lambda c: c.update(skips=1)),
    ("something more", "B-7", lambda c: c.update(more=1)),
    ("an operation that is a list", "E-2", lambda c: c.update(op=[])),
    ("an operation without a name", "E-2", lambda c: c.update(op={})),
    ("an operation with a name of bytes", "E-2", lambda c: c.update(op={"t": b"x"})),
)


def entries() -> Vectors:
    """An entry of every operation; and entries of another form."""
    town = Town()
    valid, invalid = [], []
    for name, (signer, fields) in operations(town).items():
        entry = town.entry(signer, name, fields, seq=7, until_ms=START_MS + DAY_MS, skips=name == "work.claim/1")
        valid.append(entry_row(name, entry))
        content = decode(entry.body)
        for field in (*sorted(fields), "t"):
            changed = {**content, "op": {key: value for key, value in content["op"].items() if key != field}}
            without = signed(signer, changed)
            if not taken(without):
                invalid.append({**without, "name": f"{name} without {field}", "rule": "E-3"})
        for what, changes in (("with more", {"zzz": 1}), ("of another version", {"t": name[:-1] + "9"})):
            other = signed(signer, {**content, "op": {**content["op"], **changes}})
            invalid.append({**other, "name": f"{name} {what}", "rule": "E-3"})
    signer, fields = operations(town)["credits.pay/1"]
    for what, rule, change in BREAKS:
        content = decode(town.entry(signer, "credits.pay/1", fields, seq=7, until_ms=START_MS).body)
        change(content)
        invalid.append({**signed(signer, content), "name": f"an entry with {what}", "rule": rule})
    return {"invalid": invalid, "valid": valid}


def entry_row(name: str, entry: Entry) -> dict[str, Any]:
    """An entry as a vector."""
    return {"body": entry.body.hex(), "id": entry.id.hex(), "name": name, "signature": entry.signature.hex()}


def signed(signer: SigningKey, content: dict[str, Any]) -> dict[str, Any]:
    """Any map, encoded and rightly signed as an entry would be."""
    body = encode(content)
    return {"body": body.hex(), "signature": signer.sign(digest("entry", body)).hex()}


def taken(row: dict[str, Any]) -> bool:
    """Whether an entry's form, its operation's included, is right: a field left out may have been optional."""
    try:
        return is_fully_signed(read_entry(bytes.fromhex(row["body"]), bytes.fromhex(row["signature"])))
    except ValueError:
        return False


def ledger_of_blocks() -> Town:
    """A short history in which things are refused and fall due, too."""
    town = Town(people=4, witnesses=4)
    credit = town.credit(amount=500)
    pay = {"amount": 300, "credit": credit, "to": town.people[1].id}
    town.block(*(town.entry(town.people[0].working, "credits.pay/1", pay) for _ in range(2)))
    guest = Person(7)
    town.invite(guest)
    town.join(guest)
    asset = town.asset()
    accept = town.acceptance(0, 1, 5, asset=asset, until=town.now_ms + 10)
    fields = {"accept": accept.to_value(), "asset": asset, "to": town.people[1].id, "units": 5}
    town.do(town.people[0].working, "shares.transfer/1", fields)
    town.now_ms += 20
    town.block()
    proposal = sign_statement("proposal", PROPOSAL | {"network": town.network, "price": [
        {"amount": 100, "id": credit, "kind": "credit"}]}, town.people[1].working)  # fmt: skip
    town.do(town.people[0].working, "work.award/1", {"proposals": [proposal.to_value()]})
    town.do(town.people[1].working, "work.deliver/1", {"job": proposal.id, "quantity": 2})
    town.do(town.people[0].working, "work.receipt/1", {"accepted": 1, "job": proposal.id, "rejected": 1})
    return town


def blocks() -> Vectors:
    """A whole ledger from its charter, and blocks that do not continue it although a quorum signed them."""
    town = ledger_of_blocks()
    chain, _ = Chain.founded(town.charter)
    valid: list[dict[str, Any]] = [
        {"charter": town.charter.body.hex(), "name": "the charter", "state": chain.state.root.hex()}
    ]
    invalid = []
    for step in town.steps:
        (block,) = step.blocks
        for name, rule, other in broken(block):
            row = {"after": block.header.height - 1, "block": write_block(other).hex(), "name": name, "rule": rule}
            invalid.append({**row, "certificate": certified(town, other, block.header.view)})
        data = write_block(block)
        for at in range(5, len(data), max(1, len(data) // 4)):
            wrong = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
            name = f"block {block.header.height}, a bit of byte {at}"
            row = {"after": block.header.height - 1, "block": wrong.hex(), "name": name, "rule": "B-9"}
            invalid.append({**row, "certificate": certified(town, block, block.header.view)})
        certificate_hex = certified(town, block, block.header.view)
        header = {"block": data.hex(), "certificate": certificate_hex, "id": block.header.id.hex()}
        valid.append({**header, "name": f"block {block.header.height}", "outcomes": list(block.outcomes)})
    return {"invalid": invalid, "valid": valid}


def certified(town: Town, block: Block, view: int) -> str:
    """A finalization by three of four witnesses."""
    return write_certificate(certificate(town.charter, block, view=view, places=(0, 2, 3))).hex()


def broken(block: Block) -> Iterator[tuple[str, str, Block]]:
    """The block with one rule of the chain broken in it."""
    header = block.header
    changes: list[tuple[str, str, dict[str, Any]]] = [
        ("another network", "B-11", {"network": bytes(32)}),
        ("another height", "B-11", {"height": header.height + 1}),
        ("another parent", "B-11", {"parent": bytes(32)}),
        ("a time of the past", "B-11", {"time_ms": START_MS}),
        ("another epoch", "B-11", {"epoch": 2}),
        ("other witnesses", "B-11", {"witnesses": bytes(32)}),
        ("a view after its certificate", "B-11", {"view": header.view + 1}),
        ("another state", "B-12", {"state_root": bytes(32)}),
    ]
    if block.entries:
        flipped = tuple("" if outcome else "account.too-little" for outcome in block.outcomes)
        changes.append(("other outcomes", "B-12", {"outcomes": flipped}))
        changes.append(("nothing in it", "B-10", {"entries": (), "outcomes": ()}))
        twice = {"entries": block.entries * 2, "outcomes": block.outcomes * 2}
        changes.append(("its entries twice", "E-4", twice))
    for name, rule, change in changes:
        yield f"block {header.height} with {name}", rule, remade(block, **change)
