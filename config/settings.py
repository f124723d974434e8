"""Everything an owner can set, with its bounds and default.

One frozen dataclass per section of `config.toml`; the comment that explains a key to its owner stands in
`default.toml`, which a test keeps equal to these defaults. Bounds stand in the annotation, so `parse` needs no code
per key: a new key is one field here and one commented line there. Limits on what comes from peers are not settings
and stand in `protocol/limits.py`; what all members must agree on stands in the charter.
"""

from dataclasses import dataclass, field
from typing import Annotated


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """The bounds of a whole number, both allowed."""

    least: int
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """The bounds of a text, or of each text of a list: characters, a pattern it must match whole, words allowed."""

    characters_max: int = 256
    pattern: str = ""
    meaning: str = "a text"
    """What the pattern stands for, as an owner would say it."""
    words: tuple[str, ...] = ()
    """If any are given, the text is one of them."""
    items_max: int = 64
    """For a list: how many."""


ADDRESS = Text(
    pattern=r"/(ip4|ip6)/[0-9a-fA-F.:]+/tcp/\d{1,5}(/.*)?",
    meaning='an address such as "/ip4/192.168.1.20/tcp/4711"',
    items_max=16,
)
PEER_ADDRESS = Text(
    pattern=r"/(ip4|ip6)/[0-9a-fA-F.:]+/tcp/\d{1,5}(/.*)?/p2p/[1-9A-HJ-NP-Za-km-z]+",
    meaning='an address that ends in the peer, such as "/ip4/192.168.1.20/tcp/4711/p2p/12D3Koo..."',
)
PLACE = Text(
    pattern=r"(-?\d{1,2}(\.\d{1,8})? *, *-?\d{1,3}(\.\d{1,8})?)?",
    meaning='a latitude and a longitude in degrees, such as "52.52, 13.40", or ""',
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Where this node listens, whom it looks for, and how it tells that somebody is gone."""

    listen: Annotated[tuple[str, ...], ADDRESS] = ("/ip4/0.0.0.0/tcp/4711",)
    """Multiaddresses; a taken port is an error, never silently another one."""
    announce: Annotated[tuple[str, ...], ADDRESS] = ()
    """Multiaddresses told to members beside those of the interfaces."""
    known_peers: Annotated[tuple[str, ...], PEER_ADDRESS] = ()
    """Multiaddresses with /p2p/ that are always redialled."""
    mdns: bool = True
    allow_loopback: bool = False
    """Dial and announce 127.0.0.0/8 and ::1."""
    relays: Annotated[tuple[str, ...], PEER_ADDRESS] = ()
    """Multiaddresses with /p2p/ of members that relay for us."""
    relay_serve: bool = False
    connections_max: Annotated[int, Whole(least=4, most=1_000)] = 160
    ping_interval_ms: Annotated[int, Whole(least=1_000, most=600_000)] = 15_000
    ping_deadline_ms: Annotated[int, Whole(least=500, most=600_000)] = 10_000
    redial_ms_min: Annotated[int, Whole(least=100, most=600_000)] = 500
    redial_ms_max: Annotated[int, Whole(least=1_000, most=86_400_000)] = 120_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """How this node comes to the ledger of a network that has been at work for long."""

    snapshot_from_entries: Annotated[int, Whole(least=0, most=1 << 50)] = 100_000
    """Of a ledger this long, the first thing is a snapshot from other members' machines; 0: never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Which policy decides about work: a preset, and a file of one's own that overrides parts of it."""

    preset: Annotated[str, Text(words=("ask-me", "accept-what-fits"))] = "ask-me"
    overrides: Annotated[str, Text(characters_max=4_096)] = ""
    """A file's path, from the home folder unless absolute; empty: none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A spot on the globe to 1/100 of a degree, about a kilometre: what is published is coarser still."""

    latitude_e2: int
    longitude_e2: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Where whoever runs this node works, and how to call them; the name they chose stands in the identity."""

    place: Annotated[str, PLACE] = ""
    """Degrees as text, so that no number is ever rounded in between; see `spot`."""
    notify_command: Annotated[tuple[str, ...], Text(characters_max=4_096, items_max=32)] = ()
    """A program and its arguments, never given to a shell."""

    @property
    def spot(self) -> Place | None:
        """`place` in whole hundredths of a degree, cut toward zero; `None` when it is not told."""
        if not self.place:
            return None
        latitude, longitude = (hundredths(part) for part in self.place.split(","))
        return Place(latitude_e2=latitude, longitude_e2=longitude)


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """How much the log says and keeps."""

    level: Annotated[str, Text(words=("debug", "info", "warning", "error"))] = "info"
    file_bytes_max: Annotated[int, Whole(least=65_536, most=1 << 30)] = 4_194_304
    files_kept: Annotated[int, Whole(least=1, most=100)] = 2
    """Older files beside the current one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All sections of one `config.toml`."""

    network: Network = field(default_factory=Network)
    ledger: Ledger = field(default_factory=Ledger)
    policy: Policy = field(default_factory=Policy)
    owner: Owner = field(default_factory=Owner)
    log: Log = field(default_factory=Log)


def hundredths(degrees: str) -> int:
    """`"13.409"` -> 1340, `"-0.019"` -> -1: whole hundredths of a degree, cut toward zero."""
    whole, _, part = degrees.strip().lstrip("-").partition(".")
    size = int(whole) * 100 + int((part + "00")[:2])
    return -size if degrees.strip().startswith("-") else size
