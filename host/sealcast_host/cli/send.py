"""`sealcast send`: one message, or each line of standard input, as many together as wait.

Afterwards the member sleeps rather than leaves: the next `send` goes on with the same session, so that a script that
sends every minute costs the group no new key each time.
"""

import argparse
import asyncio
import sys
from contextlib import AsyncExitStack
from typing import Any

from sealcast.effects import Sent
from sealcast.errors import Mute, NoConversation, OutboxFull, SealcastError
from sealcast.wire import MAX_BODY
from sealcast_host.agent.visit import SLEEP_S, visit, within
from sealcast_host.cli import talk
from sealcast_host.cli.arguments import seconds
from sealcast_host.cli.options import add_member, channel_of
from sealcast_host.cli.signals import run
from sealcast_host.cli.watching import watched
from sealcast_host.errors import Failed, UserError
from sealcast_host.member.channels import ChannelFile
from sealcast_host.member.face import Member

CLOSE_S = 0.01  # by so much a send may end before its time
ROOM_S = 0.1  # look again for room so often
SPARE_S = 5  # a send with a receipt, or of many, ends at its time by itself; after so much more it hangs


def arguments(p: argparse.ArgumentParser) -> None:
    p.description, p.epilog = _ABOUT, _EXAMPLES
    add_member(p)
    p.add_argument("text", metavar="TEXT", help="the message; - sends each line of standard input")
    modes = ("auto", "note", "conversation", "ratchet")
    p.add_argument("--mode", choices=modes, default="auto", help="auto takes the strongest that is available (default)")
    p.add_argument(
        "--to", metavar="UID", help="to this member of the group alone; nobody else sees to whom (--mode ratchet)"
    )
    p.add_argument(
        "--timeout", type=seconds, default=60.0, metavar="S", help="give up after S seconds (default: %(default)g)"
    )
    talk.add_json(p)
    p.add_argument("--receipt", action="store_true", help="wait until all who are awake (or --to) have confirmed it")
    p.add_argument("--min-secrecy", choices=modes[1:], metavar="MODE", help="refuse rather than send in a weaker mode")
    p.set_defaults(run=lambda args: send(
        channel_of(args), args.uid, args.text, args.mode, args.timeout, args.to, args.min_secrecy, args.receipt
    ))  # fmt: skip


def send(
    known: ChannelFile, uid: str | None, text: str, mode: str, timeout: float,
    to: str | None = None, min_secrecy: str | None = None, receipt: bool = False,
) -> int:  # fmt: skip
    """text: - for the lines of standard input. mode: auto for the strongest that reaches all who are awake. to: of the
    group, for this member alone. min_secrecy: refuse weaker modes. receipt: Failed names who has not confirmed. Raises
    UserError."""
    if to is not None and mode not in ("auto", "ratchet"):
        raise UserError("--to is for --mode ratchet: notes and conversations go to all")
    if to is not None:
        mode = "ratchet"
    if text != "-":
        _check(text.encode("utf-8", "surrogateescape"))
    return run(_send(known, uid, text, None if mode == "auto" else mode, timeout, to, min_secrecy, receipt))


async def _send(
    known: ChannelFile, uid: str | None, text: str, mode: str | None, timeout: float,
    to: str | None, min_secrecy: str | None, receipt: bool,
) -> int:  # fmt: skip
    alone = f"no conversation within {timeout:g} s: nobody else may be awake; --mode note reaches them later"
    late = f"not acknowledged within {timeout:g} s: no broker, or one that takes nothing; raise --timeout to hear which"
    sender = _Sender(mode, timeout, to, min_secrecy, receipt, alone)
    typed = None
    if text == "-":
        from sealcast_host.cli.typed import Lines

        typed = Lines(MAX_BODY)
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    try:
        async with AsyncExitStack() as stack:
            # Its patience ends first: it knows who has the member.
            visiting = visit(known, uid, watched(known), sleep_s=SLEEP_S, patience=0.9 * timeout)
            session = await within(timeout, stack.enter_async_context(visiting), late)
            if typed is None:
                await sender.one(session, text.encode("utf-8", "surrogateescape"), deadline)
            else:
                while some := await typed.some():
                    await sender.lines(session, some)
    except asyncio.CancelledError:
        print(f"sealcast: stopped; messages that were acknowledged: {sender.sent()}", file=sys.stderr)
        raise
    except UserError as e:
        if typed is None or not sender.sent():
            raise
        raise type(e)(f"{e}; messages that were acknowledged: {sender.acknowledged}") from None
    sender.judge()
    return 0


class _Sender:
    """What this run was asked for, and what came of it."""

    def __init__(
        self, mode: str | None, timeout: float, to: str | None, min_secrecy: str | None, receipt: bool, alone: str
    ) -> None:
        """alone: what is said when nobody to converse with has come in time."""
        self.mode, self.timeout, self.to, self.min_secrecy, self.receipt = mode, timeout, to, min_secrecy, receipt
        self._alone = alone
        self._late = f"not acknowledged within {timeout:g} s: it waits here, and may go out with the next connection"
        self.acknowledged = 0
        self._under_way: dict[int, Sent] = {}  # of those that are sent together, what is acknowledged already
        self._unsent: list[int] = []  # numbers of lines
        self._waiting: list[int] = []  # of those that are not acknowledged yet
        self._asked = False  # is it in the member's hands?
        self._unheard, self._silent = 0, set[str]()
        self._changes, self._more, self._watching = 0, asyncio.Event(), False

    async def one(self, session: Member, body: bytes, deadline: float) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(deadline - loop.time() + SPARE_S * self.receipt):
                sent = await self._send_one(session, body, deadline)
            if self.receipt and not sent.confirmed and not sent.unconfirmed and loop.time() >= deadline - CLOSE_S:
                raise Failed(self._late)  # with nobody to wait for it ends at the broker's word
            self._sent(sent)
        except TimeoutError:
            raise (Failed(self._late) if self._asked else UserError(self._alone)) from None
        except Mute as e:
            raise Failed(str(e)) from None
        except SealcastError as e:
            raise UserError(str(e)) from None

    async def lines(self, session: Member, some: list[tuple[int, bytes]]) -> None:
        """They have their time together, and one that is wrong keeps none of the others back."""
        deadline = asyncio.get_running_loop().time() + self.timeout
        left = []
        for number, body in some:
            if len(body) > MAX_BODY:
                self._wrong(number, f"is too long: {MAX_BODY} bytes at most; split it")
            else:
                left.append((number, body))
        while left:
            if not self.receipt:
                left = await self._together(session, left, deadline)
            for number, body in left[:1]:  # with a receipt, or until there is somebody to converse with
                try:
                    await self.one(session, body, deadline)
                except Failed as e:
                    self._slow(number, str(e))
                except UserError as e:
                    self._wrong(number, str(e))
            left = left[1:]

    async def _together(
        self, session: Member, some: list[tuple[int, bytes]], deadline: float
    ) -> list[tuple[int, bytes]]:
        """-> those that wait for a conversation."""
        left = deadline - asyncio.get_running_loop().time()
        bodies, acked = [body for _, body in some], self._under_way.__setitem__
        ended: list[Sent | SealcastError | None] = []
        try:
            async with asyncio.timeout(left + SPARE_S):
                ended = await session.send_all(bodies, self.mode, self.to, self.min_secrecy, left, acked)
        except TimeoutError:
            ended = [self._under_way.get(i) for i in range(len(some))]
        self._under_way = {}
        waiting = []
        for line, end in zip(some, ended, strict=True):
            if isinstance(end, Sent):
                self._sent(end)
            elif isinstance(end, NoConversation):
                waiting.append(line)
            elif end is None or isinstance(end, Mute):
                self._slow(line[0], self._late if end is None else str(end))
            else:
                self._wrong(line[0], str(end))
        return waiting

    async def _send_one(self, session: Member, body: bytes, deadline: float) -> Sent:
        """A conversation message once there is somebody to converse with."""
        loop = asyncio.get_running_loop()
        if self.mode == "conversation" and not self._watching:
            self._watching = True
            for event in ("rekeyed", "awake"):
                session.on(event, self._change)
        how = (self.mode, self.to, self.min_secrecy, self.receipt)
        while True:
            seen = self._changes
            try:
                self._asked, left = True, deadline - loop.time()
                if self.receipt:
                    return await session.send(body, *how, timeout=left)
                return await self._acknowledged(session, body, left)
            except NoConversation:
                self._asked = False
                while self._changes == seen:
                    await self._more.wait()
            except OutboxFull:  # what earlier commands left here goes out just now
                self._asked = False
                if loop.time() + 2 * ROOM_S >= deadline:
                    raise
                await asyncio.sleep(ROOM_S)

    async def _acknowledged(self, session: Member, body: bytes, left: float) -> Sent:
        """As `send`; what is acknowledged while we part is heard of, too."""
        self._under_way = {}
        acked, how = self._under_way.__setitem__, (self.mode, self.to, self.min_secrecy)
        soon = max(left / 2, left - 2 * ROOM_S)  # who waits for it says less than its own end does
        (end,) = await session.send_all([body], *how, soon, acked)
        self._under_way = {}
        if end is None:
            raise TimeoutError
        if isinstance(end, SealcastError):
            raise end
        return end

    def _change(self, name: str, info: Any) -> None:
        """There may be a conversation since: all who wait for one try again."""
        self._changes += 1
        self._more.set()
        self._more.clear()

    def sent(self) -> int:
        """How many are acknowledged, those among them that were under way."""
        under_way, self._under_way = self._under_way, {}
        for sent in under_way.values():
            self._sent(sent)
        return self.acknowledged

    def judge(self) -> None:
        """Raises UserError for what was not sent, Failed for what was not acknowledged or not confirmed."""
        later = ""
        if self._waiting:
            later = f"lines that wait here, and may go out with the next connection: {_named(self._waiting)}"
        if self._unsent:
            raise UserError(
                f"lines that were not sent: {_named(self._unsent)} ({self.acknowledged} were); mend those, and send "
                f"them again{'; ' * bool(later)}{later}"
            )
        if later:
            raise Failed(f"{later} ({self.acknowledged} were acknowledged); do not send them again yet")
        if self._silent:
            who = ", ".join(sorted(self._silent))
            raise Failed(f"not confirmed within {self.timeout:g} s by {who}: it may reach them later")
        if self._unheard:
            raise Failed("nobody has confirmed it: nobody else is awake; it was sent, and may reach others later")

    def _sent(self, sent: Sent) -> None:
        self.acknowledged += 1
        if talk.as_json():
            talk.result("sent", sent._asdict())
        talk.detail(_line(sent))
        if self.receipt:
            self._silent |= set(sent.unconfirmed)
            self._unheard += not sent.confirmed

    def _wrong(self, number: int, why: str) -> None:
        self._unsent.append(number)
        talk.complaint(f"line {number}: {why}")

    def _slow(self, number: int, why: str) -> None:
        self._waiting.append(number)
        talk.complaint(f"line {number}: {why}")


def _named(numbers: list[int]) -> str:
    return ", ".join(str(number) for number in numbers[:10]) + (", ..." if numbers[10:] else "")


def _line(sent: Sent) -> str:
    reached = ", ".join(sent.audience) or "nobody who is awake"
    missing = f"; not to {', '.join(sent.missing)}" if sent.missing else ""
    confirmed = f"; confirmed by {', '.join(sent.confirmed)}" if sent.confirmed else ""
    return f"sent as a {sent.mode}, to {reached}{missing}{confirmed}"


def _check(body: bytes) -> None:
    if not body:
        raise UserError("the message is empty: give a text, or - to send the lines of standard input")
    if len(body) > MAX_BODY:
        raise UserError(f"the message is too long: {MAX_BODY} bytes at most; split it")


_ABOUT = """Send, and wait until the broker has it. A note reaches members that are asleep or join later as well.
Of lines (-) that are wrong the number is said, and the others are sent.
Exit code 0: it has; with --receipt: all who are awake (or --to) have confirmed it, else 1, and a line names who has
not (the message may reach them later); 1 also: it is not acknowledged yet, waits here, and may go out with the next
connection; 2: it was not sent."""
_EXAMPLES = """\
examples:
  sealcast send greenhouse "open the roof"
  sealcast send greenhouse --mode note "kept for who comes later"
  sealcast send greenhouse --mode ratchet --to bench-1 "for you alone"
  sealcast send greenhouse --receipt --timeout 10 "open the roof" || echo "it may be shut"
  sensors | sealcast send greenhouse -                 each line is a message
  sealcast send greenhouse -- "-5 degrees"             a text that begins with a hyphen
"""
