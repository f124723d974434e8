"""A proof convinces whoever has the charter, of exactly what is so; with any bit changed it convinces nobody."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from ledger.block import Header, read_header
from ledger.canonical import decode, encode
from ledger.charter import write_charter
from ledger.consensus.votes import VoteKind
from ledger.entry import sign_entry
from ledger.errors import LocalError, RemoteError
from ledger.merkle import bucket_of
from ledger.proof import PROOF_BYTES_MAX, BadProof, Shown, ShownEntry, ShownPair, check
from ledger.proof_making import Certified, epoch_end, prove_entry, prove_pair, take
from ledger.state import Overlay, State
from tests.ledger.proving import Epochs, History, changed, flipped, holding, listed, signed_by
from tests.ledger.town import Person, Town, charter_content, remade

HISTORY = History()
EPOCHS = Epochs()
BEN = Person(1)


def pair(shown: Shown) -> ShownPair:
    assert isinstance(shown.what, ShownPair)
    return shown.what


def why(proof: bytes, charter: Any = None) -> str:
    """Why a proof is refused, which it must be."""
    with pytest.raises(RemoteError) as refused:
        check(proof, charter or HISTORY.charter)
    return refused.value.reason


def test_a_share_is_shown_with_its_total_at_a_height_and_time() -> None:
    """O-1, O-3, O-5, O-6, O-7."""
    shown = check(HISTORY.share(), HISTORY.charter)
    header = HISTORY.head.header
    assert (shown.header, shown.signed, shown.witnesses) == (header, 3, 4)
    owned = pair(shown).holding
    assert owned is not None
    assert (owned.member, owned.kind, owned.thing) == (BEN.id, "units", HISTORY.house)
    assert (owned.free, owned.held) == (125_000, 0)
    assert owned.made is not None and owned.made["name"] == "greenhouse"


def test_a_balance_is_shown_with_its_unit_and_decimals() -> None:
    """O-6, O-7."""
    owned = pair(check(HISTORY.balance(), HISTORY.charter)).holding
    assert owned is not None and owned.made is not None
    assert (owned.kind, owned.free, owned.made["unit"], owned.made["decimals"]) == ("credit", 699, "EUR", 2)


def test_whoever_has_nothing_is_shown_to_have_nothing() -> None:
    """O-6, S-3: absence is proved as presence is."""
    shown = pair(check(HISTORY.nothing(), HISTORY.charter))
    assert shown.value is None
    assert shown.holding is not None and (shown.holding.free, shown.holding.held) == (0, 0)


def test_any_key_of_the_state_can_be_shown() -> None:
    """O-6: also one whose bucket is empty, and one that shares its bucket."""
    for key, value in HISTORY.pairs().items():
        shown = pair(check(prove_pair(HISTORY.standing(), take(HISTORY.state, key)), HISTORY.charter))
        assert (shown.key, shown.value) == (key, value)
    shown = pair(check(prove_pair(HISTORY.standing(), take(HISTORY.state, b"no such key")), HISTORY.charter))
    assert (shown.key, shown.value, shown.holding) == (b"no such key", None, None)


def test_a_key_that_shares_its_bucket_is_told_from_its_neighbour() -> None:
    """O-5, O-6."""
    first = b"witnesses"
    second = next(key for key in (b"%d" % i for i in range(500_000)) if bucket_of(key) == bucket_of(first))
    town, state = EPOCHS.town, State([*EPOCHS.pairs(3, (0, 1, 2, 4)).items(), (second, encode(7))])
    closing = replace_state(state)
    assert pair(check(closing(first), town.charter)).value == state.raw(first)
    assert pair(check(closing(second), town.charter)).value == encode(7)
    swapped = changed(closing(second), "pair", "bucket", "pairs", to=lambda pairs: pairs[::-1])
    assert "state root" in why(swapped, town.charter)


def replace_state(state: State) -> Callable[[bytes], bytes]:
    """Proofs from another state after the newest block of the third epoch."""
    block = remade(EPOCHS.block, state_root=state.root)
    signed = signed_by(EPOCHS.town.network, block, EPOCHS.LISTS[2], (0, 1, 2))
    certified = Certified(header=block.header.body, certificate=signed, epochs=tuple(EPOCHS.closings))
    return lambda key: prove_pair(certified, take(state, key))


@pytest.mark.parametrize("place", range(5))
def test_an_entry_is_shown_with_its_outcome_by_a_certificate_of_a_block_above(place: int) -> None:
    """O-4, O-8, V-5: the refused one as refused."""
    shown = check(HISTORY.entry_at(place), HISTORY.charter)
    assert isinstance(shown.what, ShownEntry)
    assert shown.header == HISTORY.mixed.header
    assert shown.what.entry == HISTORY.mixed.entries[place]
    assert shown.what.outcome == ("account.too-little" if place == 2 else "")


def test_a_single_entry_needs_no_sibling() -> None:
    """O-8."""
    proof = prove_entry(HISTORY.standing(), HISTORY.head, 0)
    assert decode(proof)["entry"]["path"] == b""
    assert isinstance(check(proof, HISTORY.charter).what, ShownEntry)


def test_witnesses_of_later_epochs_are_shown_from_the_charter_on() -> None:
    """O-2, O-4: from one to four to another four."""
    shown = check(EPOCHS.proof(), EPOCHS.town.charter)
    assert (shown.header.epoch, shown.signed, shown.witnesses) == (3, 3, 4)


def test_an_old_proof_goes_on_showing_what_was_then() -> None:
    """O-9: it says at which height, and nothing of what came after."""
    history = History()
    before, height = history.balance(), history.head.header.height
    pay = {"amount": 600, "credit": history.money, "to": history.people[0].id}
    assert history.do(BEN.working, "credits.pay/1", pay) == ""
    for proof, free, at in ((before, 699, height), (history.balance(), 99, height + 1)):
        shown = check(proof, history.charter)
        owned = pair(shown).holding
        assert owned is not None and (owned.free, shown.header.height) == (free, at)


def test_a_proof_of_a_small_network_has_few_bytes() -> None:
    """O-5: empty subtrees are left out."""
    assert len(HISTORY.balance()) < 1_200
    assert len(HISTORY.entry_at(0)) < 1_700


WRONG: tuple[tuple[str, str, Callable[[], bytes]], ...] = (
    ("another version", "version", lambda: changed(HISTORY.share(), "version", to=2)),
    ("a key that is not known", "does not know", lambda: encode({**decode(HISTORY.share()), "more": 1})),
    ("neither an entry nor a pair", "either", lambda: changed(HISTORY.share(), "pair", to=None)),
    ("an entry and a pair", "either", lambda: encode(decode(HISTORY.share()) | decode(HISTORY.entry_at(0)))),
    ("no header", "cannot be|does not hold", lambda: changed(HISTORY.share(), "block", to=b"\x80")),
    ("another header", "the certificate of block 4", lambda: changed(
        HISTORY.share(), "block", to=HISTORY.steps[3].blocks[0].header.body)),
    ("too few signatures", "3 are needed", lambda: changed(changed(
        HISTORY.share(), "certificate", "places", to=[0, 2]), "certificate", "signatures", to=lambda two: two[:2])),
    ("a witness twice", "not distinct", lambda: changed(HISTORY.share(), "certificate", "places", to=[0, 0, 2])),
    ("a signature under another place", "witness 1 is wrong", lambda: changed(
        HISTORY.share(), "certificate", "places", to=[0, 1, 2])),
    ("fewer places than signatures", "one signature a witness", lambda: changed(
        HISTORY.share(), "certificate", "places", to=[0, 2])),
    ("a notarization", "is wrong", lambda: prove_pair(
        HISTORY.standing(kind=VoteKind.NOTARIZE), take(HISTORY.state, b"witnesses"))),
    ("another view", "is wrong", lambda: changed(HISTORY.share(), "certificate", "view", to=77)),
    ("another amount", "do not lead to the state root of block 5", lambda: changed(
        HISTORY.share(), "pair", "bucket", "pairs", 0, 1, to=encode({"free": 125_001}))),
    ("a pair left out", "do not lead", lambda: changed(changed(HISTORY.share(), "pair", to=lambda pair: {
        "bucket": {**pair["bucket"], "pairs": []}, "key": holding(BEN, b"u", HISTORY.house)}), "version", to=1)),
    ("a present key said to be absent", "is there", lambda: changed(HISTORY.share(), "pair", to=lambda pair: {
        "bucket": pair["bucket"], "key": holding(BEN, b"u", HISTORY.house)})),
    ("a place and a key", "either one", lambda: changed(
        HISTORY.share(), "pair", to=lambda pair: {**pair, "key": b"witnesses"})),
    ("a place beyond the pairs", "either one", lambda: changed(HISTORY.share(), "pair", "place", to=64)),
    ("a path too short", "16 siblings", lambda: changed(
        HISTORY.share(), "pair", "bucket", "path", to=lambda path: path[32:])),
    ("a path of odd length", "32 bytes", lambda: changed(
        HISTORY.share(), "pair", "bucket", "path", to=lambda path: path[1:])),
    ("another sibling", "do not lead", lambda: changed(HISTORY.share(), "pair", "bucket", "path", to=flipped)),
    ("an empty subtree elsewhere", "do not lead|16 siblings", lambda: changed(
        HISTORY.share(), "pair", "bucket", "empty", to=lambda mask: (mask << 1 | mask >> 15) & 0xFFFF)),
    ("another making", "is another one", lambda: changed(HISTORY.share(), "pair", "made", to=HISTORY.opening.body)),
    ("a making of a record", "only the proof of a holding", lambda: changed(
        HISTORY.record(), "pair", to=lambda pair: {**pair, "made": b"x"})),
    ("another outcome", "do not lead to the entries root", lambda: changed(
        HISTORY.entry_at(2), "entry", "outcome", to="")),
    ("an outcome in Greek", "ASCII", lambda: changed(HISTORY.entry_at(2), "entry", "outcome", to="ω")),
    ("another entry", "do not lead", lambda: changed(
        HISTORY.entry_at(0), "entry", "body", to=HISTORY.mixed.entries[1].body)),
    ("another signature", "do not lead", lambda: changed(HISTORY.entry_at(0), "entry", "signature", to=flipped)),
    ("sides turned", "do not lead", lambda: changed(HISTORY.entry_at(0), "entry", "left", to=lambda mask: mask ^ 1)),
    ("sides of no sibling", "on the left than there are", lambda: changed(
        HISTORY.entry_at(0), "entry", "left", to=lambda mask: mask | 1 << 9)),
    ("a link left out", "certificate of block 4", lambda: changed(HISTORY.entry_at(0), "above", to=None)),
    ("a link twice", "does not follow", lambda: changed(HISTORY.entry_at(0), "above", to=lambda links: links * 2)),
    ("too many bytes", "bytes where at most", lambda: bytes(PROOF_BYTES_MAX + 1)),
)  # fmt: skip


@pytest.mark.parametrize(("sentence", "make"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG])
def test_a_proof_is_refused_with_a_sentence_that_says_what_is_wrong(sentence: str, make: Callable[[], bytes]) -> None:
    """O-1, O-3 to O-8."""
    found = why(make())
    assert re.search(sentence, found), found


WRONG_EPOCHS: tuple[tuple[str, str, Callable[[], bytes]], ...] = (
    ("none of the epochs", "is of epoch 3, the proof leads to epoch 1", lambda: EPOCHS.proof(epochs=())),
    ("the last left out", "leads to epoch 2", lambda: EPOCHS.proof(epochs=EPOCHS.closings[:1])),
    ("the first left out", "leads to epoch 1", lambda: EPOCHS.proof(epochs=EPOCHS.closings[1:])),
    ("the order turned", "leads to epoch 1", lambda: EPOCHS.proof(epochs=EPOCHS.closings[::-1])),
    ("another new list", "state root", lambda: changed(
        EPOCHS.proof(), "epochs", 0, "bucket", "pairs", 0, 1, to=encode({"epoch": 2, "list": listed(5, 6, 7, 8)}))),
    ("a list of nobody", "state root", lambda: changed(EPOCHS.proof(), "epochs", 0, "bucket", "pairs", to=[])),
    ("an end that its witnesses did not sign", "3 are needed", lambda: changed(changed(
        EPOCHS.proof(), "epochs", 1, "certificate", "places", to=[0, 1]),
        "epochs", 1, "certificate", "signatures", to=lambda two: two[:2])),
    ("a block signed by the witnesses before", "witness 3 is wrong", lambda: EPOCHS.proof(
        certificate=signed_by(EPOCHS.town.network, EPOCHS.block, EPOCHS.LISTS[1], (0, 1, 3)))),
)  # fmt: skip


@pytest.mark.parametrize(("sentence", "make"), [row[1:] for row in WRONG_EPOCHS], ids=[row[0] for row in WRONG_EPOCHS])
def test_a_broken_chain_of_epochs_is_refused_at_its_epoch(sentence: str, make: Callable[[], bytes]) -> None:
    """O-3, O-4."""
    assert sentence in why(make(), EPOCHS.town.charter)


def test_what_ends_an_epoch_is_the_same_before_and_after_it_is_taken() -> None:
    """O-4: a node keeps it in the transaction that makes the block final."""
    town = Town()
    tx = Overlay(town.state)
    tx.put(b"witnesses", {"epoch": 2, "list": listed(0, 1, 2)})
    tx.put(b"seat/" + BEN.voting.public, {"member": BEN.id, "since": 1})
    settled = town.state.settle(tx.changes)
    block = remade(HISTORY.head, network=town.network, state_root=settled.root)
    signed = signed_by(town.network, block, (0,), (0,))
    before = epoch_end(block.header.body, signed, town.state, settled)
    town.state.merge(settled)
    assert before == epoch_end(block.header.body, signed, town.state)


def test_a_block_that_closed_nothing_leads_to_no_epoch() -> None:
    """O-4: its state still names its own epoch, or no witnesses at all."""
    network, town = EPOCHS.town.network, EPOCHS.town
    for state, sentence in (
        (town.state, "still names epoch 1"),
        (State(), "names no witnesses"),
        (State([(b"witnesses", encode({"epoch": 2, "list": []}))]), "list"),
    ):
        block = remade(EPOCHS.block, epoch=1, witnesses=first_header().witnesses, state_root=state.root)
        closing = epoch_end(block.header.body, signed_by(network, block, (0,), (0,)), state)
        assert sentence in why(EPOCHS.proof(epochs=(closing,)), town.charter)


def first_header() -> Header:
    return read_header(decode(EPOCHS.closings[0])["block"])


def test_a_block_at_or_below_the_end_of_the_epoch_before_is_refused() -> None:
    """O-3."""
    block = remade(EPOCHS.block, height=2)
    signed = signed_by(EPOCHS.town.network, block, EPOCHS.LISTS[2], (0, 1, 2))
    certified = Certified(header=block.header.body, certificate=signed, epochs=tuple(EPOCHS.closings))
    proof = prove_pair(certified, take(EPOCHS.state, b"witnesses"))
    assert "below the end of the epoch before" in why(proof, EPOCHS.town.charter)


def test_a_proof_for_another_charter_is_named_as_such() -> None:
    """O-2, O-3."""
    other = write_charter(charter_content(4, 4) | {"name": "Hill"})
    for proof in (HISTORY.share(), HISTORY.entry_at(1)):
        assert "another network" in why(proof, other)


def test_a_holding_of_no_kind_and_a_thing_made_by_another_operation_are_refused() -> None:
    """O-7."""
    odd = prove_pair(HISTORY.standing(), take(HISTORY.state, holding(BEN, b"x", HISTORY.house)))
    assert "no kind of holding" in why(odd)
    absent = holding(BEN, b"c", HISTORY.house)
    other = prove_pair(HISTORY.standing(), take(HISTORY.state, absent), made=HISTORY.registering.body)
    assert "is not made by assets.register/1" in why(other)
    content = {"t": "credits.open/1", "decimals": 99, "redeemable": "bread", "unit": "EUR"}
    bad = sign_entry(BEN.working, HISTORY.network, 1, 2**40, content)
    nothing = prove_pair(HISTORY.standing(), take(HISTORY.state, holding(BEN, b"c", bad.id)), made=bad.body)
    assert "decimals" in why(nothing)


def test_an_entry_whose_author_did_not_sign_is_refused_whatever_a_quorum_says() -> None:
    """O-8."""
    entry = HISTORY.mixed.entries[0]
    forged = replace(entry, signature=HISTORY.mixed.entries[1].signature)
    block = remade(HISTORY.head, entries=(forged,), outcomes=("",))
    assert "author's signature is wrong" in why(prove_entry(HISTORY.standing(block), block, 0))


@pytest.mark.parametrize("make", [HISTORY.share, lambda: HISTORY.entry_at(2), EPOCHS.proof])
def test_no_bit_of_a_proof_can_be_turned(make: Callable[[], bytes]) -> None:
    """O-1 to O-8: one bit of every byte, and every bit of every ninth."""
    proof = make()
    charter = EPOCHS.town.charter if make == EPOCHS.proof else HISTORY.charter
    check(proof, charter)
    for wrong in damaged(proof):
        assert why(wrong, charter)


def test_a_turned_bit_makes_of_an_absence_nothing_but_another_that_is_true() -> None:
    """O-6: where the tree is empty, one path shows that of many keys."""
    proof, pairs = HISTORY.nothing(), HISTORY.pairs()
    true, refused = set(), 0
    for wrong in damaged(proof):
        try:
            shown = pair(check(wrong, HISTORY.charter))
        except RemoteError:
            refused += 1
            continue
        assert shown.value is None and shown.key not in pairs
        true.add(shown.key)
    assert refused > 10 * len(true)


def damaged(proof: bytes) -> Iterator[bytes]:
    """One bit of every byte, every bit of every ninth, cut short in many places, and one byte more."""
    for at in range(len(proof)):
        for bit in range(8) if at % 9 == 0 else (at % 8,):
            yield proof[:at] + bytes([proof[at] ^ 1 << bit]) + proof[at + 1 :]
    for end in range(0, len(proof), 7):
        yield proof[:end]
    yield proof + b"\x00"


def test_a_proof_is_not_made_from_another_blocks_state_or_entries() -> None:
    """O-5, O-8: that would be our own mistake."""
    with pytest.raises(LocalError):
        prove_pair(HISTORY.standing(HISTORY.mixed), take(HISTORY.state, b"witnesses"))
    with pytest.raises(LocalError):
        prove_entry(HISTORY.standing(), HISTORY.mixed, 0)


def test_a_refusal_is_of_the_peers_making() -> None:
    """O-1."""
    assert issubclass(BadProof, RemoteError)
