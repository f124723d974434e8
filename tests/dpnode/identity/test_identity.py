"""24 words are the member: the same words give the same id anywhere, and the root leaves only when they are proven."""

import hashlib
import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from dpnode.errors import FailKind, Problem
from dpnode.identity.identity import Identity, check_name, make_identity, with_root
from dpnode.identity.private_files import FILE_BYTES_MAX, read_private, write_private
from dpnode.identity.seal import forget_root, sealed_root, unseal_root
from dpnode.identity.voting_key import make_next, promote_next
from dpnode.identity.words import entropy_of, first_member_id, root_key, root_seed, words_of
from dpnode.paths import Home
from ledger.keys import SigningKey, member_id, next_root_hash

ENTROPY = bytes(range(32))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(root=tmp_path / "home")
    made.make_folders()
    return made


def _make(home: Home, **changed: object) -> Identity:
    given: dict[str, object] = {"name": "anna", "passphrase": None, "confirmed": False}
    return make_identity(home, ENTROPY, **{**given, **changed})  # type: ignore[arg-type]


def test_the_words_of_known_entropy_are_those_of_bip_39() -> None:
    """The all-zero vector of the standard's own list."""
    assert words_of(bytes(32)) == ["abandon"] * 23 + ["art"]
    assert entropy_of(" ".join(["abandon"] * 23 + ["art"])) == bytes(32)


def test_root_keys_follow_from_the_entropy_as_written_down() -> None:
    """Against another implementation of RFC 5869, and against bytes that may never change."""
    for number in (0, 1, 10):
        hkdf = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"dpnode/root/%d" % number)
        assert root_seed(ENTROPY, number) == hkdf.derive(ENTROPY)
    assert root_seed(ENTROPY, 0) != root_seed(ENTROPY, 1)


def test_root_seeds_never_change() -> None:
    found = hashlib.sha256(b"".join(root_seed(ENTROPY, number) for number in range(4))).hexdigest()
    assert found == "b1eb9a2901cee8fbdfe165af7ebc56d610d4678aa913b98260fb5049f79aecb0"
    assert first_member_id(ENTROPY).hex() == "2b2d85f46e5f149e7d28f40db1e1904306712cecd7b47c02783c95c1032b6f43"


@given(st.binary(min_size=32, max_size=32))
def test_words_give_back_their_entropy_however_they_are_written(entropy: bytes) -> None:
    words = words_of(entropy)
    assert len(words) == 24
    numbered = "\n".join(f"{number:2d}. {word.upper()}" for number, word in enumerate(words, 1))
    assert entropy_of(" ".join(words)) == entropy_of(numbered) == entropy


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("abandon " * 24, "do not belong together"),
        ("abandon " * 23, "24 words are needed, 23 were given"),
        ("abandon " * 22 + "zebrra art", "word 23 is not on the list of words; did you mean 'zebra'"),
        ("", "0 were given"),
    ],
)
def test_wrong_words_are_refused_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(Problem, match=sentence) as refused:
        entropy_of(text)
    assert refused.value.kind is FailKind.USAGE
    assert "abandon" not in refused.value.sentence


def test_restored_words_give_the_same_member_with_other_machine_keys(home: Home, tmp_path: Path) -> None:
    first = _make(home)
    words = " ".join(words_of(unseal_root(home, None)))
    other = Home(root=tmp_path / "other")
    other.make_folders()
    second = make_identity(other, entropy_of(words), name="anna", passphrase=None, confirmed=True)
    assert second.member == first.member
    assert second.working.public != first.working.public
    assert second.network_seed != first.network_seed
    assert second.words_confirmed and sealed_root(other) is None


def test_the_member_id_follows_from_root_0_and_the_hash_of_root_1(home: Home) -> None:
    made = _make(home)
    committed = next_root_hash(root_key(ENTROPY, 1).public)
    assert made.member == member_id(root_key(ENTROPY, 0).public, committed)
    assert made.next_root_hash == committed


def test_the_root_certifies_the_working_and_the_sealing_key(home: Home) -> None:
    made = _make(home)
    assert made.certificate.is_signed()
    assert made.certificate.key == root_key(ENTROPY, 0).public
    sealing = X25519PrivateKey.from_private_bytes(made.sealing_seed).public_key().public_bytes_raw()
    assert made.certificate.content == {
        "member": made.member,
        "key": made.working.public,
        "kind": "working",
        "sealing": sealing,
    }


def test_loading_gives_what_was_made(home: Home) -> None:
    made, loaded = _make(home), Identity.load(home)
    assert (loaded.member, loaded.name, loaded.network_seed) == (made.member, "anna", made.network_seed)
    assert loaded.working.public == made.working.public
    assert loaded.voting is not None and made.voting is not None and loaded.voting.public == made.voting.public


def test_every_key_file_is_its_owners_only(home: Home) -> None:
    _make(home)
    files = [path for folder in (home.keys, home.votes) for path in folder.iterdir()]
    assert {path.name for path in files} >= {"identity", "working.seed", "network.seed", "voting.seed", "root.sealed"}
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files)


@pytest.mark.parametrize("name", ["working.seed", "network.seed", "sealing.seed", "identity", "root.sealed"])
def test_a_key_file_others_can_read_is_refused_with_the_command_that_helps(home: Home, name: str) -> None:
    _make(home)
    (home.keys / name).chmod(0o640)
    with pytest.raises(Problem, match=f"chmod 600 '{home.keys / name}'") as refused:
        Identity.load(home)
    assert refused.value.kind is FailKind.REFUSED
    assert stat.S_IMODE((home.keys / name).stat().st_mode) == 0o640


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")
def test_a_key_file_of_somebody_else_is_refused(home: Home) -> None:
    _make(home)
    os.chown(home.keys / "working.seed", 65_534, 65_534)
    with pytest.raises(Problem, match="belongs to another user"):
        Identity.load(home)


def test_a_linked_key_file_is_refused(home: Home, tmp_path: Path) -> None:
    _make(home)
    (home.keys / "working.seed").rename(tmp_path / "elsewhere")
    (home.keys / "working.seed").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Problem, match="cannot open the key file"):
        Identity.load(home)


def test_a_swapped_or_damaged_key_file_is_noticed(home: Home) -> None:
    _make(home)
    good = read_private(home.keys / "working.seed")
    write_private(home.keys / "working.seed", bytes(32))
    with pytest.raises(Problem, match="does not fit the key files"):
        Identity.load(home)
    write_private(home.keys / "working.seed", good[:31])
    with pytest.raises(Problem, match="31 bytes instead of 32"):
        Identity.load(home)
    write_private(home.keys / "working.seed", good)
    write_private(home.keys / "identity", b"\xc1")
    with pytest.raises(Problem, match="is damaged"):
        Identity.load(home)


def test_a_home_takes_one_identity_only(home: Home) -> None:
    _make(home)
    with pytest.raises(Problem, match="has an identity already"):
        _make(home)


def test_an_empty_home_says_what_to_run(home: Home) -> None:
    with pytest.raises(Problem, match="dpnode init") as missing:
        Identity.load(home)
    assert missing.value.kind is FailKind.NOT_FOUND


def test_a_passphrase_opens_the_root_and_a_wrong_one_does_not(home: Home) -> None:
    _make(home, passphrase="zwölf Boxkämpfer")
    assert unseal_root(home, "zwo\u0308lf Boxka\u0308mpfer") == ENTROPY
    with pytest.raises(Problem, match="passphrase is wrong") as wrong:
        unseal_root(home, "zwölf boxkämpfer")
    assert wrong.value.kind is FailKind.REFUSED
    with pytest.raises(Problem, match="--passphrase-file") as none:
        unseal_root(home, None)
    assert none.value.kind is FailKind.NEEDS_PERSON
    assert not (home.keys / "root.machine-key").exists()


def test_the_entropy_stands_in_no_file(home: Home) -> None:
    _make(home)
    for path in home.keys.iterdir():
        content = path.read_bytes()
        assert ENTROPY not in content and root_seed(ENTROPY, 0) not in content


def test_a_forgotten_root_is_gone_and_the_words_still_open_it(home: Home) -> None:
    _make(home)
    forget_root(home)
    assert not (home.keys / "root.sealed").exists() and not (home.keys / "root.machine-key").exists()
    assert Identity.load(home).words_confirmed
    with pytest.raises(Problem, match="24 words are needed"):
        with_root(home)
    keys = with_root(home, words=" ".join(words_of(ENTROPY)))
    assert SigningKey(keys.root_0_seed).public == keys.root_0.public == root_key(ENTROPY, 0).public
    assert keys.root_1 == root_key(ENTROPY, 1).public


def test_another_members_words_are_refused(home: Home) -> None:
    _make(home)
    with pytest.raises(Problem, match="another member's"):
        with_root(home, words=" ".join(words_of(bytes(32))))


def test_without_the_votes_folder_there_is_no_voting_key(home: Home) -> None:
    _make(home)
    (home.votes / "voting.seed").unlink()
    assert Identity.load(home).voting is None
    made = make_next(home)
    promote_next(home)
    assert made.public == Identity.load(home).voting.public  # type: ignore[union-attr]


def test_secrets_do_not_show_in_a_repr(home: Home) -> None:
    made = _make(home)
    for secret in (made.network_seed, made.sealing_seed, ENTROPY, root_seed(ENTROPY, 0)):
        assert repr(secret) not in repr(made) + repr(with_root(home)) and secret.hex() not in repr(made)


@pytest.mark.parametrize("name", ["a" * 65, " ", "a\nb", "a\u202eb", "\ud800", "mem-aaaaaaaaaaaa", "job-" + "a" * 52])
def test_a_name_that_hides_something_is_refused(name: str) -> None:
    with pytest.raises(Problem):
        check_name(name)


@pytest.mark.parametrize("name", ["founder", "Jörg's Werkstatt", "工房", "3d-printing"])
def test_an_ordinary_name_is_taken(name: str) -> None:
    assert check_name(f" {name} ") == name


def test_a_write_cut_short_leaves_the_old_file(home: Home) -> None:
    path = home.keys / "file"
    write_private(path, b"old")
    path.with_name("file.new").write_bytes(b"half")
    assert read_private(path) == b"old"
    write_private(path, b"new")
    assert read_private(path) == b"new" and not path.with_name("file.new").exists()


def test_an_endless_key_file_is_not_read_to_its_end(home: Home) -> None:
    write_private(home.keys / "big", bytes(FILE_BYTES_MAX + 1))
    with pytest.raises(Problem, match="larger than any key file"):
        read_private(home.keys / "big")
