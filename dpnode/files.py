"""The files of a call: kept by the customer under salted hashes, fetched by whoever was awarded the work.

A file is named on the wire by ``digest("file", salt, sha256(content))``, so nobody can tell from a call whether it is a
drawing they already have. The customer serves it only to the provider of a final award of that call; the provider
checks size and hash before the file gets its name, and that name is never the customer's raw text.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import shutil
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trio

from dpnode.net import Polite
from dpnode.net.api import NetError, PeerId, Refusal
from dpnode.node import Node
from dpnode.store.rows import Commit
from ledger.canonical import decode, digest, encode
from ledger.errors import RemoteError
from ledger.form import ID, Int, List, Map, Text
from ledger.names import Kind, short
from ledger.operations.members import member_of_peer
from ledger.operations.work_queries import jobs_of
from protocol.negotiation.contents import FileNamed
from protocol.negotiation.limits import FILES_MAX

log = logging.getLogger("dpnode.files")

KEPT_FILE = "file"
KEPT_CALL_FILES = "call-files"
SALT_BYTES = 16
FILE_BYTES_MAX = 256 << 20
"""A large assembly as STEP has some tens of MiB."""
FILES_BYTES_MAX = 1 << 30
"""All files of one call: 64 of the largest would be 16 GiB."""
FREE_BYTES_MIN = 1 << 30
"""What stays free on the disk: a ledger that cannot be written stands still, and no customer may bring that about."""
LISTING_BYTES_MAX = 65_536
CHUNK_BYTES = 64 << 10
TRIES_MAX = 60
"""Attempts to fetch the files of one call, with growing pauses: about four hours in all."""
PAUSE_S_MAX = 300.0

_REQUEST = Map({"call": ID}, {"hash": ID})
_LISTING = List(Map({"bytes": Int(0, FILE_BYTES_MAX), "hash": ID, "name": Text(200)}), 0, FILES_MAX)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """A file of a call, kept here for whoever is awarded it."""

    named: FileNamed
    salt: bytes
    path: Path


async def keep_files(node: Node, files: list[tuple[str, Path]]) -> list[Offered]:
    """Copy (name, path) files of a call into the home and give each its salted hash; raises `OSError`."""
    folder = node.home.files / "out"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    kept: list[Offered] = []
    for name, path in files[:FILES_MAX]:
        kept.append(await trio.to_thread.run_sync(_keep, folder, name, path))
    documents: list[tuple[str, bytes, bytes | None]] = [
        (
            KEPT_FILE,
            one.named.hash,
            encode({"bytes": one.named.size_bytes, "name": one.named.name, "path": str(one.path), "salt": one.salt}),
        )
        for one in kept
    ]
    if documents:
        await node.store.commit(Commit(kept=documents))
    return kept


async def name_call_files(node: Node, call: bytes, files: tuple[FileNamed, ...]) -> None:
    """Remember which files belong to a call, for a provider that lost its own note of it."""
    if files:
        await node.store.commit(Commit(kept=[(KEPT_CALL_FILES, call, _listing(files))]))


def _keep(folder: Path, name: str, path: Path) -> Offered:
    if path.stat().st_size > FILE_BYTES_MAX:
        raise OSError(f"{path} is larger than the {FILE_BYTES_MAX} bytes that a file of a call may have")
    content = path.read_bytes()
    salt = secrets.token_bytes(SALT_BYTES)
    hashed = digest("file", salt, hashlib.sha256(content).digest())
    kept = folder / hashed.hex()
    _write(kept, content)
    return Offered(named=FileNamed(name=name, size_bytes=len(content), hash=hashed), salt=salt, path=kept)


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


# -- the customer's side


async def serve_file(node: Node, peer: PeerId, request: bytes) -> tuple[int, AsyncGenerator[bytes, None]]:
    """What a provider asks for: its size and its bytes; raises `Polite`."""
    if node.parts is None:
        raise Polite(Refusal.NOT_FOUND, "this machine does not hold the ledger yet")
    try:
        value = decode(request, bytes_max=1024)
        _REQUEST.check(value)
    except RemoteError as problem:
        raise Polite(Refusal.MALFORMED, "that is no request for a file") from problem
    if not _was_awarded(node, peer, value["call"]):
        raise Polite(Refusal.DECLINED, "the files of a call are for the provider of its final award")
    listing = dict(await node.store.kept(KEPT_CALL_FILES)).get(value["call"])
    if listing is None:
        raise Polite(Refusal.NOT_FOUND, "that call has no files here")
    if "hash" not in value:
        return len(listing), _chunks(listing)
    if value["hash"] not in {one["hash"] for one in decode(listing)}:
        raise Polite(Refusal.NOT_FOUND, "that file is not one of the call's")
    kept = dict(await node.store.kept(KEPT_FILE)).get(value["hash"])
    if kept is None:
        raise Polite(Refusal.NOT_FOUND, "that file is not here any more")
    document = decode(kept)
    return SALT_BYTES + document["bytes"], _file(document["salt"], Path(document["path"]))


def _was_awarded(node: Node, peer: PeerId, call: bytes) -> bool:
    state = node.core.chain.state
    member = member_of_peer(state, peer)
    return member is not None and any(
        job.call == call and job.provider == member and job.customer == node.identity.member
        for job in jobs_of(state, member)
    )


async def _chunks(data: bytes) -> AsyncGenerator[bytes, None]:
    yield data


async def _file(salt: bytes, path: Path) -> AsyncGenerator[bytes, None]:
    yield salt
    async with await trio.open_file(path, "rb") as file:
        while chunk := await file.read(CHUNK_BYTES):
            yield chunk


# -- the provider's side


async def fetch_files(node: Node, member: bytes, call: bytes, files: tuple[FileNamed, ...]) -> None:
    """Get the files of an awarded call from its customer, again and again with growing pauses until all are here."""
    folder = folder_of(node, call)
    pause_s = 1.0
    for _ in range(TRIES_MAX):
        try:
            peer = _machine_of(node, member)
            if peer is not None:
                await _fetch_all(node, peer, call, files, folder)
                return
        except (NetError, OSError, RemoteError) as problem:
            log.warning("the files of %s did not come: %s", short(Kind.CALL, call), problem)
        await trio.sleep(pause_s)
        pause_s = min(2 * pause_s, PAUSE_S_MAX)
    log.error("the files of %s were not to be had", short(Kind.CALL, call))


def folder_of(node: Node, call: bytes) -> Path:
    """Where the fetched files of a call lie."""
    return node.home.files / short(Kind.CALL, call)


def fetched(node: Node, call: bytes) -> list[dict[str, Any]]:
    """The files of a call that are here: [{name, bytes, path}]."""
    folder = folder_of(node, call)
    if not folder.is_dir():
        return []
    return [
        {"name": path.name, "bytes": path.stat().st_size, "path": str(path)}
        for path in sorted(folder.iterdir())
        if path.is_file() and not path.name.startswith(".")
    ]


def safe_file_name(name: str, taken: set[str]) -> str:
    """A name of ours for a file somebody else named: no folders, no hidden files, no two alike."""
    last = name.replace("\\", "/").rpartition("/")[2]
    plain = "".join(sign if sign.isalnum() or sign in "._- " else "_" for sign in last)[-100:].lstrip(". ").rstrip(". ")
    plain = plain or "file"
    stem, dot, ending = plain.rpartition(".")
    candidate, count = plain, 1
    while candidate.casefold() in {one.casefold() for one in taken}:
        count += 1
        candidate = f"{stem}-{count}{dot}{ending}" if dot else f"{plain}-{count}"
    return candidate


def check_room(wanted: Sequence[FileNamed], free_bytes: int) -> None:
    """Raise `RemoteError` where the files of a call are larger than this node takes, `OSError` where the disk is."""
    sizes = [named.size_bytes for named in wanted]
    if any(size > FILE_BYTES_MAX for size in sizes) or sum(sizes) > FILES_BYTES_MAX:
        raise RemoteError("the files of the call are larger than this node takes")
    if sum(sizes) > free_bytes - FREE_BYTES_MIN:
        raise OSError(f"the disk has {free_bytes} bytes left, and {FREE_BYTES_MIN} of them stay free")


def _machine_of(node: Node, member: bytes) -> PeerId | None:
    if node.net is None:
        return None
    state = node.core.chain.state
    for peer in node.net.peers():
        if peer.linked and member_of_peer(state, peer.peer_id) == member:
            return peer.peer_id
    return None


async def _fetch_all(node: Node, peer: PeerId, call: bytes, files: tuple[FileNamed, ...], folder: Path) -> None:
    wanted = files or await _ask_listing(node, peer, call)
    await trio.Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    check_room(wanted[:FILES_MAX], shutil.disk_usage(folder).free)
    taken: set[str] = set()
    for named in wanted[:FILES_MAX]:
        name = safe_file_name(named.name, taken)
        taken.add(name)
        if not await trio.Path(folder / name).exists():
            await _fetch_one(node, peer, call, named, folder / name)


async def _ask_listing(node: Node, peer: PeerId, call: bytes) -> tuple[FileNamed, ...]:
    assert node.net is not None
    parts: list[bytes] = []

    async def collect(chunk: bytes) -> None:
        parts.append(chunk)

    await node.net.fetch(peer, encode({"call": call}), LISTING_BYTES_MAX, collect)
    value = decode(b"".join(parts), bytes_max=LISTING_BYTES_MAX)
    _LISTING.check(value)
    return tuple(FileNamed(name=one["name"], size_bytes=one["bytes"], hash=one["hash"]) for one in value)


async def _fetch_one(node: Node, peer: PeerId, call: bytes, named: FileNamed, path: Path) -> None:
    """One file into a temporary name, checked, synced, and only then renamed."""
    assert node.net is not None
    temporary = path.with_name(f".{path.name}.part")
    hasher = hashlib.sha256()
    salt = bytearray()
    with temporary.open("wb") as file:  # a page at a time: writing beside the network's own waits is quick enough

        async def take(chunk: bytes) -> None:
            missing = SALT_BYTES - len(salt)
            if missing > 0:
                salt.extend(chunk[:missing])
                chunk = chunk[missing:]
            hasher.update(chunk)
            file.write(chunk)

        try:
            await node.net.fetch(peer, encode({"call": call, "hash": named.hash}), SALT_BYTES + named.size_bytes, take)
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    if digest("file", bytes(salt), hasher.digest()) != named.hash:
        temporary.unlink()
        raise RemoteError("a file that came is not the one the call names")
    temporary.rename(path)


def _listing(files: tuple[FileNamed, ...]) -> bytes:
    return encode([{"bytes": one.size_bytes, "hash": one.hash, "name": one.name} for one in files])
