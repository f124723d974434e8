"""A newcomer's first day, by the commands a person gives: make a home, found, start, invite, join, look, stop."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import time
from typing import Any

import pytest

from dpnode.control.questions.network import MemberList, NetworkFound
from dpnode.identity.words import root_seed
from tests.journeys.nodes import Node, NotStarted, Street, until

STOPPED_S_MAX = 2.0


class Fresh(Node):
    """A home that a person makes with commands, and a daemon of its own that `dpnode up` starts."""

    def said(self, *arguments: str) -> dict[str, Any]:
        """A command's answer with --json; fails where the command does."""
        done = self.dpnode(*arguments, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return answer

    def make(self) -> Fresh:
        """`dpnode init`, and the settings that several nodes on one machine need."""
        assert self.dpnode("init", "--name", self.name).returncode == 0
        text = self.home.config.read_text("utf-8")
        wanted = {"listen": '["/ip4/127.0.0.1/tcp/0"]', "mdns": "false", "allow_loopback": "true"}
        for key, value in wanted.items():
            text, count = re.subn(rf"(?m)^{key} = .*$", f"{key} = {value}", text)
            assert count == 1, key
        self.home.config.write_text(text, "utf-8")
        return self

    def end(self) -> None:
        """Also what `dpnode up` left running."""
        path = self.home.pid
        if path.exists() and (text := path.read_text().strip()).isdigit():
            try:
                os.kill(int(text), signal.SIGKILL)
            except ProcessLookupError:
                return


def fresh(street: Street, name: str) -> Fresh:
    made = Fresh(street.folder / f"n{len(street.nodes)}", name)
    street.nodes.append(made)
    return made.make()


def test_a_network_is_founded_before_any_daemon_runs_and_joined_through_one_that_waited(alone: Street) -> None:
    founder, guest = fresh(alone, "founder"), fresh(alone, "guest")
    founded = founder.dpnode("network", "found", "Neighbourhood", "--purpose", "We make things here")
    assert founded.returncode == 0, founded.stderr
    assert "Every member sees" in founded.stdout and "stay off the ledger" in founded.stdout
    up = founder.said("up")
    assert up["network"]["name"] == "Neighbourhood"
    assert "network" not in guest.said("up"), "it runs without a network"
    assert any("no network yet" in line for line in guest.said("status")["reminders"])
    invitation = founder.said("network", "invite", "--for", "guest")["invitation"]
    joined = guest.dpnode("network", "join", invitation)
    assert joined.returncode == 0, joined.stderr
    assert "Every member sees" in joined.stdout and "stay off the ledger" in joined.stdout
    shown = guest.said("network", "show")
    assert (shown["name"], shown["members"], shown["purpose"]) == ("Neighbourhood", 2, "We make things here")
    assert shown["id"] == up["network"]["id"]
    (member,) = (one for one in founder.ask(MemberList())["members"] if one["name"] == "guest")
    assert member["sponsor"]["name"] == "founder"

    second = founder.dpnode("up")
    assert second.returncode == 5
    assert f"pid {up['pid']}" in second.stderr
    for node in (founder, guest):
        began_s = time.monotonic()
        pid = int(node.home.pid.read_text())
        os.kill(pid, signal.SIGTERM)
        until(lambda pid=pid: not alive(pid), "the daemon to end")  # type: ignore[misc]
        assert time.monotonic() - began_s < STOPPED_S_MAX
    down = founder.dpnode("status")
    assert down.returncode == 3
    assert "dpnode up" in down.stderr
    assert guest.said("ledger", "status")["height"] == shown["height"], "a member reads with the daemon stopped"


def alive(pid: int) -> bool:
    """Whether a process of ours is there and not a corpse."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - it may vanish while it is read
        return file.read().rpartition(b")")[2].split()[0] != b"Z"


def test_a_running_node_founds_a_network_too_and_only_once(alone: Street) -> None:
    node = alone.node("ada")
    node.up()
    seed = root_seed(node.entropy, 0)
    assert node.ask(NetworkFound(network_name="Street", root_seed=seed))["height"] == 0
    assert node.status()["network"]["name"] == "Street"
    problem = node.refuses(NetworkFound(network_name="Another", root_seed=seed))
    assert "one home, one network" in problem.sentence
    node.stop()
    node.up()
    assert node.status()["network"]["name"] == "Street"


def test_a_clean_stop_takes_less_than_two_seconds_with_members_connected(alone: Street) -> None:
    ada, bob = alone.node("ada"), alone.node("bob")
    alone.network(ada, bob)
    assert bob.stop() < STOPPED_S_MAX
    assert ada.stop() < STOPPED_S_MAX


def test_a_restart_keeps_members_ledger_and_connections(alone: Street) -> None:
    ada, bob = alone.node("ada"), alone.node("bob")
    alone.network(ada, bob)
    before = ada.root()
    members = ada.ask(MemberList())["members"]
    for node in (ada, bob):
        node.stop()
    for node in (ada, bob):
        node.begin()
    for node in (ada, bob):
        node.ready()
    assert ada.root() == bob.root() == before
    until(lambda: ada.sees(bob) and bob.sees(ada), "them to find each other again")
    assert [one["id"] for one in bob.ask(MemberList())["members"]] == [one["id"] for one in members]


def test_a_second_daemon_of_a_home_is_refused_with_the_pid_of_the_first(alone: Street) -> None:
    node = alone.node("ada")
    node.up()
    second = Node(node.home.root, "ada")
    with pytest.raises(NotStarted) as refused:
        second.up()
    assert refused.value.status == 5
    assert f"pid {node.pid}" in refused.value.sentence
    assert node.status()["pid"] == node.pid


def test_a_taken_port_is_named_and_nothing_starts(alone: Street) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        node = alone.node("ada", network={"listen": [f"/ip4/127.0.0.1/tcp/{port}"]})
        with pytest.raises(NotStarted) as refused:
            node.up()
    assert refused.value.status == 1
    assert str(port) in refused.value.sentence
    assert "[network]" in refused.value.sentence, "the section of config.toml it names is the one there is"
    node.up()


def test_a_wrong_setting_is_told_with_the_nearest_right_one_and_nothing_starts(alone: Street) -> None:
    node = alone.node("ada", network={"listn": []})
    with pytest.raises(NotStarted) as refused:
        node.up()
    assert refused.value.status == 1
    assert "listn" in refused.value.sentence
    assert "listen" in refused.value.sentence.replace("listn", "")
    assert "config.toml" in refused.value.sentence
    done = node.dpnode("config", "check")
    assert done.returncode != 0
    assert "listen" in (done.stdout + done.stderr).replace("listn", "")


def test_a_key_file_that_others_can_read_is_refused(alone: Street) -> None:
    node = alone.node("ada")
    (node.home.keys / "working.seed").chmod(0o640)
    with pytest.raises(NotStarted) as refused:
        node.up()
    assert "working.seed" in refused.value.sentence


def test_a_home_without_an_identity_says_what_to_do(alone: Street) -> None:
    node = alone.node("ada")
    (node.home.keys / "identity").unlink()
    with pytest.raises(NotStarted) as refused:
        node.up()
    assert refused.value.status == 4
    assert "dpnode init" in refused.value.sentence
