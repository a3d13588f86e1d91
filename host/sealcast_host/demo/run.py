"""`make demo`: a broker, three MicroPython nodes and a host talk, in front of your eyes, and what was promised is
counted.

Every step is told in a line and waits for events, not for time. The last line is `demo: OK` with the counts, or
`demo: FAILED <what>` with exit code 1. The counts go to build/demo.json:

    members                    who took part in the channel (the wrong password excluded)
    notes_sent                 notes given to the broker by members
    notes_delivered            notes received by those who were members when they were sent, each once
    history_delivered          notes received, marked as history, by the member that joined late
    handshakes                 conversation keys agreed in all
    conversation_messages      conversation messages received, marked as such and as signed by their sender
    rekeys                     conversation keys that replaced another one
    silent_losses              messages that did not reach one for whom they were sent, who was not told: 0
    refused_downgrades         sends that `min_secrecy` refused rather than let them go in a weaker mode
    wrong_password_readable    messages received, and recorded frames opened, with a wrong password: 0
    plaintext_hits_at_broker   texts and names found in what the broker was given: 0
    ratchet_messages ...       see demo/ratchet.py
    gateway_messages ...       see demo/gateway.py
    board_messages ...         see demo/boards.py
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

from sealcast.crypto import best_suite, keys
from sealcast_host.broker.server import running_broker
from sealcast_host.demo.boards import NAMES as BOARDS
from sealcast_host.demo.boards import BoardsAct
from sealcast_host.demo.broker import Recorder
from sealcast_host.demo.gateway import RING, GatewayAct
from sealcast_host.demo.gateway import UID as GATEWAY
from sealcast_host.demo.members import HostMember, Member, NodeMember, find_micropython, has_native_crypto
from sealcast_host.demo.ratchet import SAID, RatchetAct
from sealcast_host.errors import UserError
from sealcast_host.member import channels, phrases
from sealcast_host.waiting import NotKept, Watch

CHANNEL = "greenhouse"
NODES = ("bench-north", "bench-south", "water-tank")
HOST, LATE, STRANGER = "gardener-laptop", "late-visitor", "eavesdropper"
NOTES_EACH = 2


class Demo:
    """The story. Each step is a method; `counts` fills as promises are kept."""

    def __init__(self, micropython: Path, folder: Path, picture: Path, keep: bool = False) -> None:
        """picture: where the page's goes. keep: leave the page up until Ctrl-C."""
        self.picture = picture
        self.keep = keep
        self.micropython = micropython
        self.folder = folder
        self.known: channels.ChannelFile
        self.watch = Watch()
        self.recorder = Recorder()
        self.begin = time.monotonic()
        self.counts: dict[str, int] = {}
        self.nodes = [NodeMember(uid, self.watch, micropython, folder / uid) for uid in NODES]
        self.host = HostMember(HOST, self.watch)
        self.late = HostMember(LATE, self.watch)
        self.stranger = HostMember(STRANGER, self.watch)
        self.notes: list[tuple[str, str]] = []  # (sender, body), in the order sent
        self.said: list[tuple[str, str, list[Member]]] = []  # (sender, body, who must receive it)
        self.phrase = ""
        self.wrong = ""
        self.broker: dict[str, Any] = {}

    @property
    def four(self) -> list[Member]:
        return [*self.nodes, self.host]

    @property
    def five(self) -> list[Member]:
        return [*self.four, self.late]

    def tell(self, text: str) -> None:
        print(f"[{time.monotonic() - self.begin:5.1f} s] {text}", flush=True)

    def need(self, holds: bool, what: str) -> None:
        if not holds:
            raise NotKept(what)

    async def run(self) -> None:
        async with AsyncExitStack() as stack:
            broker = await stack.enter_async_context(running_broker(tap=self.recorder))
            stack.push_async_callback(self._stop_members)
            self.broker = {"host": "127.0.0.1", "port": broker.port}
            self.tell(f"an embedded broker listens on 127.0.0.1 port {broker.port}; all that it is given is recorded")
            await self._join()
            boards = BoardsAct(self)
            boards.prepare(stack)
            await self._exchange_notes()
            await self._converse()
            await self._join_late()
            await self._lose_a_node()
            self._count()
            self.counts |= await RatchetAct(self.nodes, self.host, self.late, self.watch).run(self.tell, self.need)
            self.counts |= await boards.run(stack)
            act = GatewayAct(self.nodes, self.folder, self.watch, self.picture)
            self.counts |= await act.run(stack, self.known, self.note, self.tell)
            self._losses()
            self._wrong_password()
            self._show_the_broker()
            await act.stay(self.keep)

    async def _join(self) -> None:
        self.phrase = phrases.new_phrase(keys.STRETCH)  # the least: nodes make the key of it in a board's memory
        self.tell(f'channel "{CHANNEL}" made; its phrase for this run: {self.phrase}')
        known = self.known = channels.create(CHANNEL, self.phrase, self.broker, HOST, stretch=keys.STRETCH)
        native = await has_native_crypto(self.micropython)
        for node in self.nodes:
            node.provision(known, self.phrase if native else None)
            await node.start()
        have = (
            "the phrase (making the key of it in little memory takes some seconds)"
            if native
            else "the key made from the phrase"
        )
        self.tell(f"{len(NODES)} nodes started, each a MicroPython process, each given {have}")
        await self.host.join(self._by_password(self.phrase))
        self.tell(f"{HOST} joined by the phrase")
        first, rest = self.phrase.split("-", 1)
        self.wrong = next(w for w in phrases.wordlist() if w != first) + "-" + rest
        await self.stranger.join(self._by_password(self.wrong))
        self.tell(f"{STRANGER} joined by the phrase with one word wrong, and listens from here on")
        names = {m.uid for m in self.four}
        for node in self.nodes:
            await self.watch.until(f"{node.uid} meets the others", partial(_met, node, names))
        await self.watch.until(
            f"{HOST} meets the nodes", lambda: {u for u, s in self.host.session.members if s == "awake"} == names
        )
        self.tell("all four see each other; who computes with what:")
        for member in self.four:
            await self.watch.until(f"{member.uid} tells its crypto", member.crypto)
            self.tell(f"    {member.uid:16} {member.crypto()}")

    def _by_password(self, phrase: str) -> dict[str, Any]:
        return {"channel": CHANNEL, "password": phrase, "broker": self.broker, "keepalive": 20}

    async def _exchange_notes(self) -> None:
        for i in range(NOTES_EACH):
            for n, member in enumerate(self.four):
                await self.note(member, f"note {i + 1} of {member.uid}: {18 + n + i}.5 degrees")
        for member in self.four:
            await self.watch.until(f"{member.uid} receives every note", partial(self.has_notes, member))
        self.tell(f"{len(self.notes)} notes sent, each received by the other three")

    async def note(self, sender: Member, body: str) -> None:
        self.notes.append((sender.uid, body))
        await sender.send(body, "note")

    def has_notes(self, member: Member) -> bool:
        return all(sender == member.uid or member.has(body, "note") for sender, body in self.notes)

    async def _converse(self) -> None:
        epoch = await self.one_epoch(self.four)
        self.tell(f"the four agreed on one conversation key, epoch {epoch[:8]}")
        for member in self.four:
            await self.say(member, f"{member.uid} says: only for those who are here now", self.four)
        self.tell(
            f"{len(self.four)} conversation messages, each received by the other three, marked as such and signed"
        )
        refused = await self.host.refused("said as a note, it could be read with the password alone", "conversation")
        self.counts["refused_downgrades"] = int(refused)
        self.need(refused, "min_secrecy refuses to go below it")
        self.tell("asked for at least a conversation, sealcast refused to send a note, which the password alone opens")

    async def one_epoch(self, members: list[Member]) -> str:
        """Wait until all `members`, and nobody else, share one newest epoch; -> its name."""
        names = sorted(m.uid for m in members)

        def agreed() -> bool:
            newest = {m.epochs[-1][0] if m.epochs else None for m in members}
            return len(newest) == 1 and all(m.epochs and m.epochs[-1][1] == names for m in members)

        await self.watch.until(f"one conversation key for {', '.join(names)}", agreed)
        return members[0].epochs[-1][0]

    async def say(self, sender: Member, body: str, present: list[Member]) -> None:
        await sender.send(body, "conversation")
        hearers = [m for m in present if m is not sender]
        self.said.append((sender.uid, body, hearers))
        for m in hearers:
            await self.watch.until(f"{m.uid} hears {sender.uid}", partial(m.has, body, "conversation"))

    async def _join_late(self) -> None:
        expected = len(self.notes)
        await self.late.join(self._by_password(self.phrase))
        await self.watch.until(f"{LATE} reads the history", lambda: self.has_notes(self.late))
        historic = [m for m in self.late.messages if m["secrecy"] == "note" and m["historic"]]
        self.need(
            len(historic) == expected == len(self.late.messages),
            f"{LATE} reads all {expected} notes once, marked as history",
        )
        self.counts["history_delivered"] = len(historic)
        self.tell(f"{LATE} joined by the phrase and read {len(historic)} notes, marked as history, and no conversation")
        epoch = await self.one_epoch(self.five)
        self.tell(f"the conversation re-keyed for five, epoch {epoch[:8]}")
        await self.say(self.late, "a greeting by the late visitor", self.five)
        await self.say(self.nodes[0], "welcome, says the first node", self.five)
        self.tell("it takes part in the conversation")

    async def _lose_a_node(self) -> None:
        victim = self.nodes[1]
        rest = [m for m in self.five if m is not victim]
        await victim.kill()
        self.tell(f"{victim.uid} was killed with SIGKILL")
        epoch = await self.one_epoch(rest)
        self.tell(f"the other four re-keyed without it, epoch {epoch[:8]}")
        await self.say(self.host, "what the lost node must not hear", rest)
        await self.note(self.host, "a note that waits for the lost node")
        for member in rest:
            await self.watch.until(f"{member.uid} receives the note", partial(self.has_notes, member))
        await victim.start()
        self.tell(f"{victim.uid} was started again, with what it had stored")
        epoch = await self.one_epoch(self.five)
        await self.watch.until(f"{victim.uid} catches up", lambda: self.has_notes(victim))
        await self.say(victim, "the lost node is back", self.five)
        self.tell(f"it is back: the note it missed arrived, epoch {epoch[:8]} is for all five, and it speaks again")

    def _losses(self) -> None:
        lost = [(m, body) for sender, body in self.notes for m in self.five if m.missed(sender, body, "note")]
        lost += [(m, body) for sender, body, who in self.said for m in who if m.missed(sender, body, "conversation")]
        self.counts["silent_losses"] = len(lost)
        self.need(not lost, "whatever was sent arrived, or somebody was told")

    def _wrong_password(self) -> None:
        suite = best_suite()
        right = keys.Keys(suite, keys.root_key(suite, self.phrase.encode(), CHANNEL.encode()), CHANNEL.encode())
        wrong = keys.Keys(suite, keys.root_key(suite, self.wrong.encode(), CHANNEL.encode()), CHANNEL.encode())
        readable = self.recorder.opened_with(right, right.rp)
        self.need(readable > 0, "the right phrase opens what the broker recorded (the check itself must work)")
        theirs = Recorder()
        theirs.frames = [f for f in self.recorder.frames if f[0].startswith("zp/1/" + right_name(right) + "/")]
        opened = theirs.opened_with(wrong, right.rp)
        alone = [uid for uid, _ in self.stranger.session.members] == [STRANGER]
        self.need(alone, f"{STRANGER} meets nobody")
        self.counts["wrong_password_readable"] = opened + len(self.stranger.messages)
        self.need(self.counts["wrong_password_readable"] == 0, "nothing is readable with a wrong password")
        self.tell(
            f"with one word wrong {STRANGER} met nobody, received nothing, and opens {opened} of {len(theirs.frames)} "
            "frames"
        )

    def _show_the_broker(self) -> None:
        self.tell(f"what the broker saw, {len(self.recorder.frames)} messages in all:")
        for line in self.recorder.table():
            self.tell("    " + line)
        self.need(self.recorder.hits(["zp/1/"]) > 0, "the search finds what is there (the check itself must work)")
        bodies = [body for _, body in self.notes] + [body for _, body, _ in self.said] + [SAID, RING]
        names = [CHANNEL, STRANGER, GATEWAY, *BOARDS, *(m.uid for m in self.five)]
        secrets = [self.phrase, self.wrong]
        hits = self.recorder.hits(bodies + names + secrets)
        self.counts["plaintext_hits_at_broker"] = hits
        self.need(hits == 0, "the broker sees no plaintext, no name of a member or of the channel")
        self.tell(
            f"searched for {len(bodies)} texts, {len(names)} names and the phrases, in plain, hex and base64: {hits} "
            "found"
        )

    def _count(self) -> None:
        """Every promise as a number; each received message must be one that was sent, and received once."""
        delivered = conversation = 0
        for member in self.five:
            expected_notes = {(s, b) for s, b in self.notes if s != member.uid}
            got_notes = [(m["sender"], m["body"]) for m in member.messages if m["secrecy"] == "note" and not m["again"]]
            self.need(
                sorted(set(got_notes)) == sorted(expected_notes), f"{member.uid} received the notes that were sent"
            )
            self.need(len(got_notes) == len(set(got_notes)), f"{member.uid} received each note once")
            delivered += len(got_notes)
            expected = sorted((s, b) for s, b, hearers in self.said if member in hearers)
            talk = [m for m in member.messages if m["secrecy"] == "conversation" and not m["again"]]
            self.need(
                sorted((m["sender"], m["body"]) for m in talk) == expected,
                f"{member.uid} heard what was said to it, once",
            )
            self.need(
                all(m["origin"] == "member" and m["epoch"] for m in talk),
                "conversation messages are signed and name their epoch",
            )
            conversation += len(talk)
        agreed = {epoch for m in self.five for epoch, _ in m.epochs}
        self.counts |= {
            "members": len(self.five),
            "notes_sent": len(self.notes),
            "notes_delivered": delivered - self.counts["history_delivered"],
            "handshakes": len(agreed),
            "conversation_messages": conversation,
            "rekeys": len(agreed) - 1,
        }
        self.need(
            self.counts["rekeys"] >= 3, "the conversation re-keyed at the late join, at the loss and at the return"
        )

    async def _stop_members(self) -> None:
        for node in self.nodes:
            await node.kill()
        for member in (self.host, self.late, self.stranger):
            if hasattr(member, "session"):
                await member.session.close()


def right_name(right: keys.Keys) -> str:
    """The channel's address as it stands in topics."""
    from sealcast.wire import b64

    return str(b64(right.rp))


def _met(node: Member, names: set[str]) -> bool:
    return all(uid == node.uid or node.saw("awake", uid=uid) for uid in names)


def main() -> int:
    """Run the demo; 0 when every promise was kept."""
    parser = argparse.ArgumentParser(prog="python -m sealcast_host.demo", description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "--json", type=Path, default=Path("build/demo.json"), help="where the counts go (default: %(default)s)"
    )
    parser.add_argument("--keep", action="store_true", help="leave the gateway's page up until Ctrl-C")
    args = parser.parse_args()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="sealcast-demo-") as folder:
        # Channels and states of this user are none of the demo's business.
        os.environ["XDG_CONFIG_HOME"] = folder + "/config"
        os.environ["XDG_STATE_HOME"] = folder + "/state"
        failed = None
        counts: dict[str, Any] = {}
        try:
            demo = Demo(find_micropython(), Path(folder), args.json.with_suffix(".png"), args.keep)
            asyncio.run(_until_done(demo))
            counts = dict(sorted(demo.counts.items()))
        except (NotKept, UserError) as e:
            failed = str(e)
        except (KeyboardInterrupt, asyncio.CancelledError):
            failed = "interrupted"
        except Exception as e:
            failed = f"unexpected {type(e).__name__}: {e}"
    args.json.parent.mkdir(parents=True, exist_ok=True)
    result = counts | {"ok": failed is None, "seconds": round(time.monotonic() - begin, 1)}
    args.json.write_text(json.dumps(result, indent=2) + "\n")
    if failed is not None:
        print(f"demo: FAILED {failed}", flush=True)
        return 1
    print("demo: OK " + " ".join(f"{name}={value}" for name, value in counts.items()), flush=True)
    return 0


async def _until_done(demo: Demo) -> None:
    """Run it; SIGTERM ends it like Ctrl-C, with everything it started."""
    task = asyncio.ensure_future(demo.run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        await task
    except NotKept:
        for member in demo.nodes:
            for name, info in member.events[-6:]:
                print(f"          {member.uid}: {name} {info}", file=sys.stderr)
        raise
    finally:
        # The loop ends: what libraries complain of while their connections are torn down is no news.
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
