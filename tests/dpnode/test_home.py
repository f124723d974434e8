"""One home is one node: its folders are private, its lock is held once, its log is bounded and one line per event."""

import fcntl
import logging
import os
import stat
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from dpnode import lock
from dpnode.errors import FailKind, Problem
from dpnode.log import close_log, open_log
from dpnode.paths import Home, find_home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(root=tmp_path / "home")
    made.make_folders()
    return made


@pytest.fixture
def log(home: Home) -> Iterator[logging.Logger]:
    yield open_log(home, bytes_max=4_096, files_kept=2)
    close_log()


def test_every_folder_of_a_home_is_the_owners_only(home: Home) -> None:
    home.keys.chmod(0o755)
    home.make_folders()
    assert all(stat.S_IMODE(folder.stat().st_mode) == 0o700 for folder in home.folders())


def test_the_option_wins_over_the_environment_and_that_over_the_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DPNODE_HOME", "/somewhere/else")
    assert find_home("/here").root == Path("/here")
    assert find_home().root == Path("/somewhere/else")
    monkeypatch.delenv("DPNODE_HOME")
    assert find_home().root.name == "dpnode"
    assert find_home("relative").root.is_absolute()


def test_a_second_daemon_is_told_the_pid_of_the_first(home: Home) -> None:
    first = lock.take(home)
    assert lock.holder(home) == os.getpid()
    with pytest.raises(Problem, match=f"pid {os.getpid()}") as refused:
        lock.take(home)
    assert refused.value.kind is FailKind.REFUSED
    first.release()
    assert lock.holder(home) is None
    lock.take(home).release()


def test_a_daemon_that_starts_at_the_same_moment_is_told_the_pid_that_is_just_being_written(home: Home) -> None:
    with home.pid.open("w+") as first:
        fcntl.flock(first, fcntl.LOCK_EX)

        def write() -> None:
            first.write("4711\n")
            first.flush()

        for ask in (lambda: lock.holder(home), lambda: _refused(home)):
            first.truncate(0)
            first.seek(0)
            writing = threading.Timer(0.03, write)
            writing.start()
            assert ask() == 4711
            writing.join()


def _refused(home: Home) -> object:
    with pytest.raises(Problem, match="pid 4711") as refused:
        lock.take(home)
    return refused.value.details["pid"]


def test_a_killed_daemon_leaves_no_lock_behind(home: Home) -> None:
    code = "import sys; from dpnode import lock; from dpnode.paths import Home; from pathlib import Path\n"
    code += "held = lock.take(Home(root=Path(sys.argv[1]))); print('held', flush=True); sys.stdin.read()"
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(home.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with child:
        assert child.stdout is not None and child.stdout.readline() == b"held\n"
        assert lock.holder(home) == child.pid
        child.kill()
        child.wait()
    assert home.pid.read_text() == f"{child.pid}\n"
    assert lock.holder(home) is None


def test_an_event_is_one_line_whatever_a_peer_put_into_it(home: Home, log: logging.Logger) -> None:
    log.info("peer says %s", "hello\n2026-01-01T00:00:00Z info dpnode: forged \x1b[2J")
    try:
        raise ValueError("two\nlines")
    except ValueError:
        log.exception("failed")
    lines = home.log_file.read_text().splitlines()
    assert len(lines) == 2
    assert "\\x0a2026" in lines[0] and "\x1b" not in lines[0]
    assert "ValueError" in lines[1]


def test_the_log_never_grows_past_its_bound(home: Home, log: logging.Logger) -> None:
    for number in range(2_000):
        log.info("event %d", number)
    files = sorted(home.log.iterdir())
    assert len(files) == 3
    assert sum(file.stat().st_size for file in files) <= 3 * 4_096


@pytest.mark.parametrize("quiet", [False, True])
def test_what_libp2p_says_of_a_peer_reaches_stderr_only_without_our_quiet(quiet: bool, project: Path) -> None:
    code = "from dpnode.log import quiet_stderr\nquiet_stderr()\n" if quiet else ""
    code += "import logging, libp2p\nlogging.getLogger('libp2p.host').error('a peer said %s', '\x1b[2J')\n"
    said = subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=project, stderr=subprocess.PIPE, check=True)
    assert (b"a peer said" in said.stderr) is not quiet


@pytest.mark.parametrize("quiet", [False, True])
def test_a_log_that_cannot_be_written_prints_what_it_holds_only_without_our_quiet(quiet: bool, project: Path) -> None:
    code = "from dpnode.log import quiet_stderr\nquiet_stderr()\n" if quiet else ""
    code += "import logging, os\nlogging.getLogger().addHandler(logging.StreamHandler(open(os.devnull)))\n"
    code += "logging.error('a peer said this')"
    said = subprocess.run([sys.executable, "-c", code], cwd=project, stderr=subprocess.PIPE, check=True)
    assert (b"a peer said" in said.stderr) is not quiet


def test_a_warning_of_python_goes_to_the_log(home: Home, log: logging.Logger) -> None:
    with warnings.catch_warnings(action="always"):
        warnings.warn("something is left open", ResourceWarning, stacklevel=1)
    assert "something is left open" in home.log_file.read_text()
