"""Two histories that are both certified: the one thing that no single liar can make.

A range whose blocks do not continue our chain, and which those who judge our own history signed all the same: the owner
must hear who (consensus rule 24; SPEC V-24). Where the other history has changed its witnesses since it left ours,
nobody here knows their list. But no honest witness of ours has a part in any other epoch while ours goes on: if more
than f of them signed there, one of them is honest, and has seen another history certified up to there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from ledger.block import Block
from ledger.canonical import digest, encode
from ledger.chain import Chain
from ledger.consensus.votes import BadCertificate, Certificate, VoteKind, check_certificate, faulty_max, vote_id
from ledger.errors import RemoteError
from ledger.keys import PublicKey, verify
from ledger.names import Kind, short
from protocol.effects import Alarm, Effect, Keep
from protocol.inputs import Now

KEPT_ALARM = "alarm"
"""What is kept of an alarm until its owner has seen it: `{at, sentence}`, Unix milliseconds."""


class Forked(RemoteError):
    """Two different histories are certified; `reason` names the height and the signers."""


def refuse_fork(chain: Chain, blocks: Sequence[Block], certificate: Certificate) -> None:
    """Raise `Forked` if the witnesses we know finalized `blocks`, in order, beside our chain.

    Raises `BadCertificate` where they do not fit our chain and too few signed them: then it is the sender's fault.
    """
    head = chain.head
    beside = next((block for block in blocks if _is_beside(chain, block)), None)
    if beside is None or certificate.kind is not VoteKind.FINALIZE or certificate.block != blocks[-1].header.id:
        return
    if any(above.header.parent != below.header.id for below, above in pairwise(blocks)):
        return
    height = min(beside.header.height, head.height)
    said = f"another history is certified at block {height}"
    listed = chain.witnesses if certificate.epoch == head.epoch else chain.ended.get(certificate.epoch)
    if listed is not None:
        # Of an epoch that has ended here every block is below ours, so its list has signed for a second one as well.
        check_certificate(certificate, chain.network, certificate.epoch, [PublicKey(one["key"]) for one in listed])
        raise Forked(said + _signed_by(listed, (place for place, _ in certificate.votes)))
    places = _who_signed(chain, certificate)
    if len(places) <= faulty_max(len(chain.witnesses)):
        raise BadCertificate(
            f"the certificate is of epoch {certificate.epoch}, not {head.epoch}, "
            f"and {len(places)} of its signatures are of witnesses of ours"
        )
    raise Forked(f"{said}, and has come to epoch {certificate.epoch}{_signed_by(chain.witnesses, places)}")


def _is_beside(chain: Chain, block: Block) -> bool:
    """Whether a block stands at our head's height and is another, or on top of it and names another parent."""
    header, head = block.header, chain.head
    if header.height == head.height:
        return header.id != head.block
    return header.height == head.height + 1 and header.parent != head.block


def _who_signed(chain: Chain, certificate: Certificate) -> set[int]:
    """Which places of our own list have a signature under a certificate of a list that we do not know."""
    message = vote_id(chain.network, certificate.epoch, certificate.view, certificate.kind, certificate.block)
    keys = dict(enumerate(chain.voting_keys))
    found: set[int] = set()
    for at, signature in certificate.votes:
        # Lists change by one: who signed stands near, and mostly at, the place that the certificate names.
        left = sorted(set(keys) - found, key=lambda place: abs(place - at))
        found |= set(next(([place] for place in left if verify(keys[place], message, signature)), []))
    return found


def alarm(sentence: str, now: Now) -> list[Effect]:
    """Tell the owner, and keep it: a start must not make it forgotten. At most 256 are kept, whatever is said."""
    value = encode({"at": now.wall_ms, "sentence": sentence})
    return [Keep(kind=KEPT_ALARM, id=digest(KEPT_ALARM, sentence.encode())[:1], value=value), Alarm(sentence=sentence)]


def signers_of(chain: Chain, *certificates: Certificate) -> str:
    """The members whose keys stand under certificates of the present epoch, as the end of a sentence."""
    return _signed_by(chain.witnesses, (place for one in certificates for place, _ in one.votes))


def _signed_by(listed: Sequence[dict[str, Any]], places: Iterable[int]) -> str:
    named = [listed[place]["member"] for place in sorted(set(places)) if place < len(listed)]
    return "; signed by " + ", ".join(short(Kind.MEMBER, member) for member in named) if named else ""
