"""One node's identity: made once, loaded at every start.

Random per machine and worth no backup: the working key (signs entries), the network key (libp2p), the sealing key
(X25519) and the voting key. The root key stays behind the 24 words; all it leaves here is the certificate of the
working and sealing keys. The voting key lies with the vote journal, not with the keys: without the journal it must not
be used (consensus.md rule 13).
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dpnode.errors import FailKind, Problem
from dpnode.identity.private_files import read_private, write_private
from dpnode.identity.seal import seal_root, sealed_root, unseal_root
from dpnode.identity.voting_key import make_next, promote_next, voting_key_in
from dpnode.identity.words import ENTROPY_BYTES, entropy_of, first_member_id, root_key, root_seed
from dpnode.paths import Home
from ledger.canonical import NotCanonical, decode, encode
from ledger.form import ID, Bytes, Int, Malformed, Map, Text
from ledger.keys import MemberId, PublicKey, SigningKey, member_id, next_root_hash
from ledger.names import Kind, show_id
from ledger.statement import STATEMENT, Statement, read_statement, sign_statement

SEED_BYTES = 32
NAME_BYTES_MAX = 64
CERTIFICATE = "key"
"""The purpose tag of a key certificate."""

_FORM = Map(
    {"certificate": STATEMENT, "name": Text(NAME_BYTES_MAX), "next_root_hash": Bytes(32), "root": ID, "v": Int(1, 1)}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RootKeys:
    """Root keys unlocked for one act: joining, founding, rotating. Kept no longer than that."""

    root_0: SigningKey
    root_0_seed: bytes
    """32 bytes; what `network found` and `network join` hand to the daemon."""
    root_1: PublicKey

    def __repr__(self) -> str:
        return f"RootKeys(root_0={self.root_0!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The keys of one node, loaded."""

    member: MemberId
    name: str
    root: PublicKey
    """Root key 0."""
    next_root_hash: bytes
    working: SigningKey
    network_seed: bytes
    """Ed25519 seed of the libp2p key, 32 bytes."""
    sealing_seed: bytes
    """X25519 private key, 32 bytes."""
    sealing: bytes
    """X25519 public key, 32 bytes."""
    voting: SigningKey | None
    """None when the votes folder is gone: this machine must then not vote."""
    certificate: Statement
    """Root's word for the working key: {member, key, kind: "working", sealing}."""
    words_confirmed: bool

    def __repr__(self) -> str:
        return f"Identity({show_id(Kind.MEMBER, self.member)})"

    @classmethod
    def load(cls, home: Home) -> "Identity":
        """The identity of `home`.

        Errors:
            Problem: NOT_FOUND before `dpnode init`; REFUSED for a key file others can read; FAILED for a damaged one.
        """
        path = home.keys / "identity"
        if not path.exists():
            raise Problem(FailKind.NOT_FOUND, f"there is no identity in {home.root}: run 'dpnode init' first")
        try:
            value = decode(read_private(path))
            _FORM.check(value)
            certificate = read_statement(CERTIFICATE, value["certificate"])
            content = certificate.content
        except (NotCanonical, Malformed) as error:
            raise Problem(FailKind.FAILED, f"the identity file {path} is damaged: {error}") from error
        working = SigningKey(_seed(home, "working"))
        sealing_seed = _seed(home, "sealing")
        member = member_id(value["root"], value["next_root_hash"])
        wanted = _certified(member, working.public, sealing_public(sealing_seed))
        if content != wanted or certificate.key != value["root"] or not certificate.is_signed():
            raise Problem(FailKind.FAILED, f"the certificate in {path} does not fit the key files beside it")
        return cls(
            member=member,
            name=value["name"],
            root=PublicKey(value["root"]),
            next_root_hash=value["next_root_hash"],
            working=working,
            network_seed=_seed(home, "network"),
            sealing_seed=sealing_seed,
            sealing=wanted["sealing"],
            voting=voting_key_in(home.votes),
            certificate=certificate,
            words_confirmed=sealed_root(home) is None,
        )


def make_identity(home: Home, entropy: bytes, *, name: str, passphrase: str | None, confirmed: bool) -> Identity:
    """Make keys and files for `home` from the entropy of its words.

    Args:
        entropy: 32 bytes, random for a new member, from the words when restoring.
        name: how others see the member; empty for one made of the id.
        passphrase: seals the root until the words are confirmed; None for a machine key.
        confirmed: the owner has the words already (restoring), so the root is not kept at all.

    Errors:
        Problem: REFUSED when an identity is there already, USAGE for a name that cannot be one.
    """
    path = home.keys / "identity"
    if path.exists():
        raise Problem(FailKind.REFUSED, f"{home.root} has an identity already; use another --home for another member")
    root = root_key(entropy, 0)
    committed = next_root_hash(root_key(entropy, 1).public)
    member = member_id(root.public, committed)
    seeds = {kind: os.urandom(SEED_BYTES) for kind in ("working", "network", "sealing")}
    certificate = sign_statement(
        CERTIFICATE,
        _certified(member, SigningKey(seeds["working"]).public, sealing_public(seeds["sealing"])),
        root,
    )
    called = check_name(name) if name else "node-" + show_id(Kind.MEMBER, member).partition("-")[2][:6]
    for kind, seed in seeds.items():
        write_private(home.keys / f"{kind}.seed", seed)
    make_next(home)
    promote_next(home)
    if not confirmed:
        seal_root(home, member, entropy, passphrase)
    # Last, because it is what makes the home have an identity: an interrupted init can simply be run again.
    value = {
        "v": 1,
        "name": called,
        "root": root.public,
        "next_root_hash": committed,
        "certificate": certificate.to_value(),
    }
    write_private(path, encode(value))
    return Identity.load(home)


def with_root(home: Home, *, passphrase: str | None = None, words: str | None = None) -> RootKeys:
    """Unlock the root keys of this home's member, from the words if given, else from the sealed root.

    Errors:
        Problem: REFUSED when the words are another member's; else as `unseal_root` and `entropy_of`.
    """
    entropy = own_entropy(home, passphrase=passphrase, words=words)
    return RootKeys(root_0=root_key(entropy, 0), root_0_seed=root_seed(entropy, 0), root_1=root_key(entropy, 1).public)


def own_entropy(home: Home, *, passphrase: str | None = None, words: str | None = None) -> bytes:
    """What the words of this home's member stand for, 32 bytes; errors as `with_root`."""
    identity = Identity.load(home)
    entropy = entropy_of(words) if words is not None else unseal_root(home, passphrase)
    assert len(entropy) == ENTROPY_BYTES
    if first_member_id(entropy) != identity.member:
        raise Problem(FailKind.REFUSED, "these words are another member's, not this node's")
    return entropy


def sealing_public(seed: bytes) -> bytes:
    """The X25519 public key of a private one."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    return X25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def check_name(name: str) -> str:
    """A member's name in NFC.

    Errors:
        Problem: USAGE, when it is too long, blank, holds invisible characters, or could be taken for an id.
    """
    import unicodedata

    from dpnode.safe_text import safe

    plain = unicodedata.normalize("NFC", name.strip())
    if not plain or len(plain.encode("utf-8", "surrogatepass")) > NAME_BYTES_MAX or safe(plain) != plain:
        raise Problem(FailKind.USAGE, f"a name has 1 to {NAME_BYTES_MAX} bytes and no invisible characters")
    if re.match(r"[a-z]+-[a-z2-7]{10,52}$", plain) and plain.partition("-")[0] in [kind.value for kind in Kind]:
        raise Problem(FailKind.USAGE, "a name must not look like an id")
    return plain


def _certified(member: MemberId, working: PublicKey, sealing: bytes) -> dict[str, Any]:
    return {"member": member, "key": working, "kind": "working", "sealing": sealing}


def _seed(home: Home, kind: str) -> bytes:
    return _read_seed(home.keys / f"{kind}.seed")


def _read_seed(path: Path) -> bytes:
    seed = read_private(path)
    if len(seed) != SEED_BYTES:
        raise Problem(FailKind.FAILED, f"the key file {path} is damaged: {len(seed)} bytes instead of {SEED_BYTES}")
    return seed
