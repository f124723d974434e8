"""Founding a network: a charter that its founder signed, and a sentence for everything that stands in the way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dpnode.errors import FailKind, Problem
from dpnode.founding import check_root, make_network
from dpnode.identity.identity import Identity, make_identity
from dpnode.identity.words import root_seed
from dpnode.paths import Home
from ledger.chain import Chain
from ledger.charter import check_founding
from ledger.keys import SigningKey
from ledger.operations.membership import peer_id_of

ENTROPY = bytes(range(32))
SEED = root_seed(ENTROPY, 0)


@pytest.fixture
def identity(tmp_path: Path) -> Identity:
    home = Home(root=tmp_path / "home")
    home.make_folders()
    return make_identity(home, ENTROPY, name="anna", passphrase=None, confirmed=True)


def test_the_founder_is_member_and_only_witness_of_a_charter_they_signed(identity: Identity) -> None:
    founded = make_network(identity, name="Harbour", purpose="boats", root_seed=SEED)
    check_founding(founded.charter, founded.signatures)
    chain, _ = Chain.founded(founded.charter)
    assert chain.place_of(identity.member) == 0
    assert identity.voting is not None
    assert chain.voting_keys == [identity.voting.public]
    assert chain.state.get(b"peer/" + peer_id_of(SigningKey(identity.network_seed).public)) == identity.member
    assert founded.charter.purpose == "boats"


def test_a_network_without_a_purpose_says_what_networks_are_for(identity: Identity) -> None:
    assert make_network(identity, name="Harbour", purpose="", root_seed=SEED).charter.purpose.startswith("Harbour")


def test_other_limits_can_be_given_for_a_test_network(identity: Identity) -> None:
    founded = make_network(identity, name="x", purpose="y", root_seed=SEED, limits={"day_entries": 7})
    assert founded.charter.limits.day_entries == 7


def test_another_root_key_founds_nothing_here(identity: Identity) -> None:
    with pytest.raises(Problem, match="not the one of this home") as problem:
        make_network(identity, name="x", purpose="y", root_seed=bytes(32))
    assert problem.value.kind is FailKind.REFUSED
    with pytest.raises(Problem):
        check_root(identity, SigningKey(root_seed(ENTROPY, 1)))


def test_a_home_without_its_voting_key_cannot_be_a_witness(identity: Identity) -> None:
    with pytest.raises(Problem, match="voting key"):
        make_network(replace(identity, voting=None), name="x", purpose="y", root_seed=SEED)


@pytest.mark.parametrize("name", ["", "x" * 81, "a\x1b[2Jb", "line\nbreak"])
def test_a_name_that_cannot_stand_in_a_charter_is_refused_with_a_sentence(identity: Identity, name: str) -> None:
    with pytest.raises(Problem, match="cannot be a charter") as problem:
        make_network(identity, name=name, purpose="y", root_seed=SEED)
    assert problem.value.kind is FailKind.REFUSED
