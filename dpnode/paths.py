"""Where everything of one node lies: one home folder, holding exactly one network.

A home is found by `--home DIR`, else `$DPNODE_HOME`, else the platform's own data folder. All of it is private to the
owner (0700), because it holds keys, sealed files and the control socket. Nothing here opens a file: this module only
names places and makes folders.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from dpnode.errors import FailKind, Problem

HOME_VARIABLE = "DPNODE_HOME"
FOLDER_MODE = 0o700


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """The places inside one home folder."""

    root: Path
    """Absolute."""

    @property
    def config(self) -> Path:
        """The owner's settings, TOML."""
        return self.root / "config.toml"

    @property
    def keys(self) -> Path:
        """Identity, working key, network key, sealing key, and the sealed root until the words are confirmed."""
        return self.root / "keys"

    @property
    def database(self) -> Path:
        """The ledger and everything that must be consistent with it."""
        return self.root / "ledger.db"

    @property
    def damage(self) -> Path:
        """There where damage of the database was seen while the node ran: the next start reads all of it back."""
        return self.root / "ledger.db.damaged"

    @property
    def votes(self) -> Path:
        """The vote journal and the voting key that lives with it. Never part of a backup (consensus.md rule 13)."""
        return self.root / "votes"

    @property
    def votes_next(self) -> Path:
        """A fresh voting key and its journal, until the members' ledger lets it follow the one in `votes`."""
        return self.root / "votes.next"

    @property
    def files(self) -> Path:
        """Job files by hash."""
        return self.root / "files"

    @property
    def snapshots(self) -> Path:
        """Snapshots in pieces, for whoever joins late; made anew when they are missing."""
        return self.root / "snapshots"

    @property
    def late(self) -> Path:
        """What has come of a snapshot that this home is to begin with; gone once it has begun."""
        return self.root / "late"

    @property
    def offers(self) -> Path:
        """The owner's capability files, one TOML each."""
        return self.root / "offers"

    @property
    def run(self) -> Path:
        """What only lives while a daemon runs."""
        return self.root / "run"

    @property
    def socket(self) -> Path:
        """The control socket."""
        return self.run / "control"

    @property
    def pid(self) -> Path:
        """The file whose lock says that a daemon runs here; its content is the process id."""
        return self.run / "pid"

    @property
    def log(self) -> Path:
        """The log folder."""
        return self.root / "log"

    @property
    def log_file(self) -> Path:
        """The current log."""
        return self.log / "dpnode.log"

    def folders(self) -> tuple[Path, ...]:
        """Every folder of a home, outermost first."""
        return (self.root, self.keys, self.votes, self.files, self.offers, self.run, self.log)

    def make_folders(self) -> None:
        """Make what is missing, 0700, and narrow what is wider.

        Errors:
            Problem: a folder cannot be made, or belongs to somebody else.
        """
        for folder in self.folders():
            try:
                folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
                found = folder.stat()
                if found.st_uid != os.geteuid():
                    raise Problem(FailKind.REFUSED, f"{folder} belongs to another user (uid {found.st_uid})")
                if found.st_mode & 0o777 != FOLDER_MODE:
                    folder.chmod(FOLDER_MODE)
            except OSError as error:
                raise Problem(FailKind.FAILED, f"cannot make the folder {folder}: {error.strerror}") from error


def find_home(option: str | None = None) -> Home:
    """The home meant by `--home`, else the environment, else the platform's standard data folder."""
    chosen = option or os.environ.get(HOME_VARIABLE)
    if chosen:
        return Home(root=Path(chosen).expanduser().absolute())
    # Imported here because it costs tens of milliseconds that most commands can do without.
    import platformdirs

    return Home(root=Path(platformdirs.user_data_path("dpnode", appauthor=False)))
