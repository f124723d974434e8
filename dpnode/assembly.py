"""Puts a core together from what the disk kept: chain, replica, directory, negotiation.

No rules here; each part says itself what it needs. A home without a network has no core yet.
"""

from __future__ import annotations

import logging
import tomllib
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from config.data import preset_text
from config.functions_data import starter_functions
from config.settings import Settings
from dpnode.control.amounts import decimal_text
from dpnode.errors import FailKind, Problem
from dpnode.identity.identity import Identity
from dpnode.reading.lapsed import kept_entries
from dpnode.shelf import (
    KEPT_EPOCH_END,
    check_anchor_row,
    check_head_row,
    ended_epochs,
    pending_entries,
    read_anchor,
    read_begins,
    read_chain,
)
from dpnode.store import questions
from dpnode.store.journal import Record
from dpnode.store.store import Store
from dpnode.voting import remembered
from ledger.chain import Chain
from ledger.charter import Charter
from ledger.consensus.votes import read_certificate
from ledger.keys import MemberId, SigningKey
from ledger.names import Kind, short
from protocol.capability.catalogue import Catalogue
from protocol.capability.definition_files import read_definition
from protocol.capability.places import Place, about
from protocol.conversation import KEPT_SUBMITTED, Conversation
from protocol.core import Core, Self
from protocol.inputs import PeerId
from protocol.negotiation.calls import CALL_KIND
from protocol.negotiation.deals import DEAL_KIND
from protocol.negotiation.negotiation import Negotiation
from protocol.negotiation.policy import Policy
from protocol.negotiation.policy_parse import PolicyWrong, parse
from protocol.own_offers import OwnOffers
from protocol.replication.directory_peer import (
    KEPT_ADVERT,
    KEPT_DEFINITION,
    KEPT_RECORD,
    DirectoryPeer,
)
from protocol.replication.directory_peer import Identity as DirectoryIdentity
from protocol.replication.door import Voter
from protocol.replication.lapsed import KEPT_LAPSED
from protocol.share_offers import KEPT_GIVEN, KEPT_TAKEN, ShareOffers
from protocol.world import LedgerWorld

log = logging.getLogger("dpnode.assembly")
POLICY_BYTES_MAX = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """A core and the parts of it that the edge talks to directly."""

    core: Core
    offers: OwnOffers
    catalogue: Catalogue
    policy: Policy


def read_policy(settings: Settings, home: Path) -> Policy:
    """The owner's policy: a preset and the file of their own on top; raises `Problem` naming file and key."""
    policy = parse(tomllib.loads(preset_text(settings.policy.preset)))
    if not settings.policy.overrides:
        return policy
    path = home / settings.policy.overrides
    try:
        if path.stat().st_size > POLICY_BYTES_MAX:
            raise Problem(FailKind.FAILED, f"the policy file {path} is longer than {POLICY_BYTES_MAX} bytes")
        return parse(tomllib.loads(path.read_text("utf-8")), policy)
    except PolicyWrong as wrong:
        raise Problem(FailKind.FAILED, f"{path}: {wrong}") from wrong
    except (OSError, UnicodeDecodeError, ValueError) as wrong:
        raise Problem(FailKind.FAILED, f"the policy file {path} cannot be used: {wrong}") from wrong


def starter_catalogue() -> Catalogue:
    """The functions every node knows from its first day."""
    return Catalogue(read_definition(text, name) for name, text in sorted(starter_functions().items()))


def own_place(settings: Settings) -> Place | None:
    """About where the owner says the workshop is."""
    spot = settings.owner.spot
    return None if spot is None else about(Fraction(spot.latitude_e2, 100), Fraction(spot.longitude_e2, 100))


async def load_chain(store: Store, charter: Charter) -> Chain:
    """The chain as the disk has it; raises `Problem` where it does not verify."""
    meta = await store.meta()
    pairs: list[tuple[bytes, bytes]] = []
    async for chunk in store.load():
        pairs += chunk
    chain = read_chain(charter, meta, pairs)
    chain.ended = ended_epochs(chain, await store.kept(KEPT_EPOCH_END))
    head = await store.head()
    check_head_row(chain, None if head is None else head.header)
    anchor = read_anchor(meta)
    if anchor.height >= read_begins(meta):
        named = await store.ask(questions.block_at(anchor.height))
        check_anchor_row(anchor, chain.head.height, None if named is None else named.id)
    return chain


async def assemble(
    store: Store,
    chain: Chain,
    *,
    identity: Identity,
    settings: Settings,
    home: Path,
    peer: PeerId,
    records: list[Record] | None,
) -> Parts:
    """The core of a home; `records` are those of the vote journal, None where there is none."""
    policy = read_policy(settings, home)
    catalogue = starter_catalogue()
    kept = [
        (kind, key, value)
        for kind in (KEPT_DEFINITION, KEPT_RECORD, KEPT_ADVERT)
        for key, value in await store.kept(kind)
    ]
    directory = DirectoryPeer(
        chain,
        DirectoryIdentity(member=identity.member, peer=peer, signer=identity.working, place=own_place(settings)),
        catalogue,
        kept,
    )
    offers = OwnOffers(catalogue, lambda credit, amount: show_money(chain, credit, amount))
    talk = [(kind, key, value) for kind in (CALL_KIND, DEAL_KIND) for key, value in await store.kept(f"talk-{kind}")]
    negotiation = Negotiation.restore(
        talk, me=identity.member, network=chain.network, signer=identity.working, policy=policy
    )
    world = LedgerWorld(chain, offers.quotes, lambda member: _place_of(directory, member))
    conversation = Conversation(negotiation, world, chain, await store.kept(KEPT_SUBMITTED))
    offered = [(kind, key, value) for kind in (KEPT_GIVEN, KEPT_TAKEN) for key, value in await store.kept(kind)]
    ended = await store.ask(questions.certificate_from(chain.head.height)) if chain.head.height else None
    voter = voter_of(chain, identity.voting, records)
    core = Core(
        chain,
        Self(member=identity.member, peer=peer, signer=identity.working),
        voter=replace(voter, final=None if ended is None else read_certificate(ended[1])),
        pending=pending_entries(await store.pending()),
        directory=directory,
        conversation=conversation,
        shares=ShareOffers(chain, identity.member, identity.working, offered),
        anchor=read_anchor(await store.meta()),
        lapsed=kept_entries(await store.kept(KEPT_LAPSED)),
    )
    return Parts(core=core, offers=offers, catalogue=catalogue, policy=policy)


def show_money(chain: Chain, credit: bytes, amount: Fraction) -> str:
    """An amount of a credit with its point, e.g. ``12.50 EUR``; the exact fraction where it is none."""
    record = chain.state.get(b"credit/" + credit)
    if record is None:
        return f"{amount} of {short(Kind.CREDIT, credit)}"
    if amount.denominator == 1:
        return f"{decimal_text(int(amount), record['decimals'])} {record['unit']}"
    # Two digits beyond the smallest unit show where a sum will be rounded up.
    return f"{decimal_text(round(amount * 100), record['decimals'] + 2)} {record['unit']}"


def _place_of(directory: DirectoryPeer, member: bytes) -> Place | None:
    advert = directory.directory.advert(MemberId(member))
    return None if advert is None else advert.place


def voter_of(chain: Chain, key: SigningKey | None, records: list[Record] | None) -> Voter:
    """The voting key and what its journal remembers; without a key where it must not sign, with the reason."""
    if key is None:
        return Voter(key=None, why="this machine does not hold the witness's voting key")
    if records is None:
        return Voter(key=None, why="the journal of votes is missing: this witness votes no more under its key")
    memory = remembered(records)
    if any(block.header.network != chain.network for block in memory.blocks):
        return Voter(
            key=None, why="the journal of votes is another network's: this witness votes no more under its key"
        )
    return Voter(key=key, memory=memory)
