"""What the conversation asks of the edge: call the owner, fetch the files of an award.

`notify_command` is a program of the owner's, run without a shell, with the text of peers made harmless, bounded in
time and never two at once for the same matter.
"""

from __future__ import annotations

import logging
import subprocess

import trio

from dpnode.files import fetch_files
from dpnode.node import Node
from dpnode.safe_text import safe
from ledger.names import Kind, short
from protocol.effects import Effect, Negotiated
from protocol.negotiation import effects as said
from protocol.share_offers import SharesArrived

log = logging.getLogger("dpnode.talk")
NOTIFY_S_MAX = 30.0
"""A command that rings a bell or sends a mail is done by then."""
NOTIFICATIONS_MAX = 4
"""Commands running at once; more wait."""


class Talk:
    """Performs what `Negotiated` effects ask for, each in a task of its own."""

    def __init__(self, node: Node, nursery: trio.Nursery) -> None:
        self._node = node
        self._nursery = nursery
        self._slots = trio.CapacityLimiter(NOTIFICATIONS_MAX)
        self._fetching: set[bytes] = set()

    def perform(self, effect: Effect) -> None:
        """Begin what is asked; never blocks."""
        if not isinstance(effect, Negotiated):
            return
        match effect.effect:
            case said.Notify():
                item = effect.effect.item
                log.info("waiting for you: %s", safe(item.title))
                if self._node.settings.owner.notify_command:
                    self._nursery.start_soon(self._notify, item.title, item.lines)
            case SharesArrived():
                title = "shares of an asset are offered to you: dpnode share accept"
                log.info("waiting for you: %s", title)
                if self._node.settings.owner.notify_command:
                    self._nursery.start_soon(self._notify, title, ())
            case said.FetchFiles():
                if effect.effect.call not in self._fetching:
                    self._fetching.add(effect.effect.call)
                    self._nursery.start_soon(self._fetch, effect.effect)
            case said.Changed():
                changed = effect.effect
                call = short(Kind.CALL, changed.call)
                log.info("%s as %s: %s %s", call, changed.side.value, changed.state, safe(changed.text))
            case _:
                pass

    async def _fetch(self, wanted: said.FetchFiles) -> None:
        try:
            await fetch_files(self._node, wanted.member, wanted.call, wanted.files)
        finally:
            self._fetching.discard(wanted.call)

    async def _notify(self, title: str, about: tuple[str, ...]) -> None:
        command = list(self._node.settings.owner.notify_command)
        lines = [safe(title), *(safe(line) for line in about)]
        async with self._slots:
            try:
                with trio.move_on_after(NOTIFY_S_MAX) as scope:
                    done = await trio.run_process(
                        [*command, *lines[:8]],
                        stdin=subprocess.DEVNULL,
                        stdout=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL,
                        check=False,
                    )
                    if done.returncode:
                        log.warning("notify_command ended with %d", done.returncode)
                if scope.cancelled_caught:
                    log.warning("notify_command was stopped after %d s", NOTIFY_S_MAX)
            except OSError as error:
                log.warning("notify_command cannot be run: %s", error)
