"""The founding document: its bytes are the network's name, and whatever breaks a rule founds nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest

from ledger.block import BLOCK_BYTES_MAX
from ledger.canonical import digest, encode
from ledger.chain import Chain
from ledger.charter import BadCharter, Charter, Limits, check_founding, founding_id, read_charter, write_charter
from ledger.entry import ENTRY_BYTES_MAX
from ledger.errors import RemoteError
from ledger.keys import is_admissible
from ledger.operations import members
from ledger.operations.operation import Role
from tests.ledger.town import START_MS, Person, charter_content

SMALL_ORDER = bytes([1]) + bytes(31)


def signatures(charter: Charter) -> dict[bytes, bytes]:
    return {Person(i).id: Person(i).root.sign(founding_id(charter.network)) for i in range(len(charter.founders))}


def test_a_charter_reads_back_and_its_hash_is_the_networks_name() -> None:
    """F-1."""
    content = charter_content(people=3, witnesses=2)
    charter = write_charter({**content, "arbiters": [Person(2).id], "rules": "Be kind.\nBe exact."})
    assert read_charter(charter.body) == charter
    assert charter.network == digest("charter", charter.body)
    assert charter.rules == "Be kind.\nBe exact."
    assert charter.arbiters == (Person(2).id,)
    assert [founder.member for founder in charter.founders] == [Person(i).id for i in range(3)]
    assert [witness.key for witness in charter.witnesses] == [Person(0).voting.public, Person(1).voting.public]
    assert write_charter(charter_content(people=3, witnesses=1)).network != charter.network


def test_without_arbiters_the_first_founder_judges() -> None:
    """F-2."""
    assert write_charter(charter_content()).arbiters == (Person(0).id,)


Break = Callable[[dict[str, Any]], object]
BROKEN: dict[str, Break] = {
    "no founder": lambda c: c.update(founders=[]),
    "a founder twice": lambda c: c["founders"].append(dict(c["founders"][0])),
    "one root for two": lambda c: c["founders"][1].update(root=c["founders"][0]["root"]),
    "one working key for two": lambda c: c["founders"][1].update(working=c["founders"][0]["working"]),
    "a root that works": lambda c: c["founders"][0].update(working=c["founders"][0]["root"]),
    "a voting key that works": lambda c: c["witnesses"][0].update(key=c["founders"][1]["working"]),
    "one machine for two": lambda c: c["founders"][1].update(peer=c["founders"][0]["peer"]),
    "a root of small order": lambda c: c["founders"][0].update(root=SMALL_ORDER),
    "a working key of small order": lambda c: c["founders"][0].update(working=SMALL_ORDER),
    "a voting key of small order": lambda c: c["witnesses"][0].update(key=SMALL_ORDER),
    "no witness": lambda c: c.update(witnesses=[]),
    "a witness who founds nothing": lambda c: c["witnesses"][0].update(member=bytes(32)),
    "a witness twice": lambda c: c["witnesses"].append({"key": Person(9).voting.public, "member": Person(0).id}),
    "an arbiter who founds nothing": lambda c: c.update(arbiters=[bytes(32)]),
    "no arbiter": lambda c: c.update(arbiters=[]),
    "another version": lambda c: c.update(version=2),
    "no name": lambda c: c.update(name=""),
    "a name with an escape": lambda c: c.update(name="a\x1b[2Jb"),
    "an unknown key": lambda c: c.update(motto="x"),
    "a limit left out": lambda c: c["limits"].pop("day_bytes"),
    "an unknown limit": lambda c: c["limits"].update(week_bytes=1),
    "a limit of nothing": lambda c: c["limits"].update(day_entries=0),
    "blocks no reader takes": lambda c: c["limits"].update(block_bytes=(1 << 20) + 1),
    "blocks too small for an entry": lambda c: c["limits"].update(block_bytes=ENTRY_BYTES_MAX + 63),
    "no motion for anybody": lambda c: c["limits"].update(motions_open=0),
    "a vote before joining": lambda c: c["limits"].update(vote_after_ms=-1),
    "more entries than fit": lambda c: c["limits"].update(block_entries=2001),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_document_that_breaks_a_rule_founds_nothing(name: str) -> None:
    """F-1, F-2, F-5, K-2."""
    content = charter_content()
    BROKEN[name](content)
    with pytest.raises(RemoteError) as caught:
        write_charter(content)
    assert caught.value.reason


def test_bytes_that_are_no_charter_found_nothing() -> None:
    """F-1."""
    for data in (b"", encode([]), encode({}), bytes(70_000)):
        with pytest.raises(RemoteError):
            read_charter(data)


def test_every_founder_signs_the_networks_name() -> None:
    """F-3."""
    charter = write_charter(charter_content())
    signed = signatures(charter)
    check_founding(charter, signed)
    for member in signed:
        for wrong in (b"", bytes(64), Person(9).root.sign(founding_id(charter.network))):
            with pytest.raises(BadCharter):
                check_founding(charter, {**signed, member: wrong})
    with pytest.raises(BadCharter):
        check_founding(charter, {})
    assert founding_id(charter.network) == digest("founding", charter.network)


def test_a_signature_for_another_charter_founds_nothing() -> None:
    """F-3."""
    charter = write_charter(charter_content())
    other = write_charter({**charter_content(), "name": "Hill"})
    with pytest.raises(BadCharter):
        check_founding(other, signatures(charter))


def test_height_0_holds_the_founders_and_the_first_witnesses() -> None:
    """F-4, M-1, M-4."""
    charter = write_charter(charter_content(people=2))
    chain, pairs = Chain.founded(charter)
    assert (chain.head.height, chain.head.block, chain.head.view) == (0, charter.network, 0)
    assert chain.head.time_ms == START_MS
    assert chain.head.state_root == chain.state.root
    assert dict(chain.state.raw_range(b"")) == pairs
    for person in (Person(0), Person(1)):
        record = members.member_record(chain.state, person.id)
        assert record is not None
        assert record["keys"] == [person.working.public]
        assert "sponsor" not in record
        assert members.member_of_peer(chain.state, person.peer) == person.id
        assert members.working_key_of(chain.state, person.working.public) == person.id
        assert members.member_of_key(chain.state, person.root.public, Role.ROOT) == person.id
    assert chain.witnesses == [{"key": Person(0).voting.public, "member": Person(0).id}]
    assert chain.place_of(Person(0).id) == 0
    assert chain.place_of(Person(1).id) is None


def test_the_default_limits_are_those_of_a_charter() -> None:
    """F-5."""
    assert write_charter(charter_content()).limits == Limits()
    assert Limits().block_bytes < BLOCK_BYTES_MAX
    assert write_charter(charter_content(day_entries=10**9)).limits.day_entries == 10**9


def test_a_charter_names_the_later_limits_only_where_they_differ() -> None:
    """F-5: so the bytes and the name of a network founded before there were motions stay as they are."""
    later = {"accept_ms", "motion_ms", "motions_open", "rekey_ms", "vote_after_ms"}
    assert not later & set(charter_content()["limits"])
    assert Limits().to_value().keys() | later == {field.name for field in fields(Limits)}
    given = write_charter(charter_content(vote_after_ms=0, motions_open=9)).limits
    assert given == Limits(vote_after_ms=0, motions_open=9)
    assert given.to_value() == {**Limits().to_value(), "motions_open": 9, "vote_after_ms": 0}
    assert (Limits().vote_after_ms, Limits().motion_ms, Limits().accept_ms, Limits().rekey_ms) == tuple(
        days * 86_400_000 for days in (90, 30, 7, 1)
    )


def test_a_voting_key_has_no_record_and_so_speaks_for_nobody() -> None:
    """M-2."""
    chain, _ = Chain.founded(write_charter(charter_content()))
    assert members.key_record(chain.state, Person(0).voting.public) is None
    assert is_admissible(Person(0).voting.public)
    assert [role.value for role in Role] == ["working", "root", "invite", "voting"]
