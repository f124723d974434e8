"""Founding a network at this home: the charter, the founder's signature, the first witness.

Works with or without a daemon. The founder is member, finance node and witness as they like; the charter names the
defaults of the ledger's limits, and other limits can be given for a test network.
"""

from __future__ import annotations

from collections.abc import Mapping

from dpnode.clock import now
from dpnode.errors import FailKind, Problem
from dpnode.identity.identity import Identity
from dpnode.shelf import Founded
from ledger.charter import BadCharter, Limits, founding_id, write_charter
from ledger.errors import RemoteError
from ledger.keys import SigningKey, member_id
from ledger.operations.membership import peer_id_of


def make_network(
    identity: Identity, *, name: str, purpose: str, root_seed: bytes, limits: Mapping[str, int] | None = None
) -> Founded:
    """A charter with this member as its founder and only witness; raises `Problem`."""
    root = SigningKey(root_seed)
    check_root(identity, root)
    if identity.voting is None:
        raise Problem(FailKind.FAILED, "the voting key in the votes folder is missing: this home cannot be a witness")
    content = {
        "created": now().wall_ms,
        "founders": [
            {
                "name": identity.name,
                "next": identity.next_root_hash,
                "peer": peer_id_of(SigningKey(identity.network_seed).public),
                "root": root.public,
                "sealing": identity.sealing,
                "working": identity.working.public,
            }
        ],
        "limits": {**Limits().to_value(), **(limits or {})},
        "name": name,
        "purpose": purpose or f"{name} makes things together",
        "version": 1,
        "witnesses": [{"key": identity.voting.public, "member": identity.member}],
    }
    try:
        charter = write_charter(content)
    except (BadCharter, RemoteError) as problem:
        raise Problem(FailKind.REFUSED, f"this cannot be a charter: {problem.reason}") from problem
    return Founded(charter=charter, signatures={identity.member: root.sign(founding_id(charter.network))})


def check_root(identity: Identity, root: SigningKey) -> None:
    """Raise `Problem` unless `root` is this home's root key."""
    if member_id(root.public, identity.next_root_hash) != identity.member:
        raise Problem(FailKind.REFUSED, "that root key is not the one of this home")
