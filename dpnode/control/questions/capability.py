"""Questions about what this node and the network can make."""

from dataclasses import field

from dpnode.control.questions.base import Named, Question, question


@question("cap.add")
class CapabilityAdd(Question):
    """Take a capability file (TOML) into this node's offers and publish its advert."""

    path: str
    """Absolute."""
    replace: bool = False
    """Put it in the place of the offer of the same name."""
    dry_run: bool = False


@question("cap.list")
class CapabilityList(Question):
    """What this node offers."""


@question("cap.show")
class CapabilityShow(Question):
    """One capability of this node, in full."""

    id: str


@question("cap.remove")
class CapabilityRemove(Question):
    """Withdraw a capability; its advert is replaced by a withdrawal."""

    id: str
    dry_run: bool = False


@question("cap.import")
class CapabilityImport(Question):
    """Read an Open Know-Where facility file and write one capability file per thing it supports."""

    path: str
    dry_run: bool = False


@question("directory.search")
class DirectorySearch(Question):
    """Who offers what; without filters everything, newest first."""

    words: str = ""
    """Looked for in function and member names."""
    function: str | None = None
    """Id or name."""
    parameters: Named = field(default_factory=dict)
    """Only adverts that can serve these, e.g. {"material": "PLA", "length": "120 mm"}."""
    member: str | None = None
    limit: int = 50
