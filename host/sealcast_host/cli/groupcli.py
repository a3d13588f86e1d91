"""The arguments of the commands for the ratcheting group and for lost members: group, lost."""

import argparse
from collections.abc import Callable
from typing import Any

from sealcast_host.cli.arguments import seconds

AddMember = Callable[[argparse.ArgumentParser], None]
BrokerOf = Callable[[argparse.Namespace], Any]


def add(commands: Any, add_member: AddMember, broker_of: BrokerOf) -> None:
    """Add the commands. add_member, broker_of: channel, name and broker as the other commands have them."""
    group = commands.add_parser("group", help="the ratcheting group: who is in it", description=_GROUP, epilog=_GROUP_EXAMPLES)
    sub = group.add_subparsers(metavar="ACTION", required=True)

    def action(name: str, what: str, names: str | None, timeout: float = 60.0) -> argparse.ArgumentParser:
        p: argparse.ArgumentParser = sub.add_parser(name, help=what, description=what[0].upper() + what[1:] + ".")
        add_member(p)
        if names is not None:
            p.add_argument("members", metavar="UID", nargs=names, help="a member's name")
        p.add_argument("--timeout", type=seconds, default=timeout, metavar="S", help="give up after S seconds (default: %(default)g)")
        return p

    for name, what, names in (
        ("create", "make a group of this member and those named (none named: all that are awake)", "*"),
        ("add", "take members in: they can read what comes, and nothing of before", "+"),
        ("remove", "take members out: they can read nothing more", "+"),
    ):
        action(name, what, names).set_defaults(run=_changing(name, broker_of))

    def leave(args: argparse.Namespace) -> int:
        from sealcast_host.cli.group import leave

        return leave(args.channel, args.uid, broker_of(args), args.timeout)

    action("leave", "leave the group; the others go on with keys that this member does not know", None).set_defaults(run=leave)

    def status(args: argparse.Namespace) -> int:
        from sealcast_host.cli.group import status

        return status(args.channel, args.uid, broker_of(args), args.timeout)

    what = "show members, epoch, and whether this member is in step; equal epoch, head and digest mean equal histories"
    action("status", what, None, 15.0).set_defaults(run=status)

    def verify(args: argparse.Namespace) -> int:
        from sealcast_host.cli.verify import verify

        return verify(args.channel, args.uid, broker_of(args), args.members, args.approve, args.timeout, args.words)

    p = action("verify", "show the members' fingerprints, to be compared by people over another way", "*")
    p.add_argument("--approve", metavar="FINGERPRINT", help="believe the changed identity with this fingerprint, which you have compared")
    p.add_argument("--words", action="store_true", help="as nine words each, to be read aloud")
    p.set_defaults(run=verify)

    p = commands.add_parser("lost", help="leave a lost board behind: a new key for all others", description=_LOST, epilog=_LOST_EXAMPLES)
    add_member(p)
    p.add_argument("lost", metavar="UID", help="the lost member's name")
    p.add_argument("--yes", action="store_true", help="you have looked at the members that get the new key; without it they are listed")
    p.add_argument("--timeout", type=seconds, default=60.0, metavar="S", help="wait for the others so long (default: %(default)g)")

    def lost(args: argparse.Namespace) -> int:
        from sealcast_host.cli.lost import lost

        return lost(args.channel, args.uid, broker_of(args), args.lost, args.timeout, args.yes)

    p.set_defaults(run=lost)


def _changing(action: str, broker_of: BrokerOf) -> Callable[[argparse.Namespace], int]:
    def run(args: argparse.Namespace) -> int:
        from sealcast_host.cli.group import change

        return change(action, args.channel, args.uid, broker_of(args), args.members, args.timeout)

    return run


_GROUP = """\
The ratcheting group inside a channel: each message brings fresh key material, so that stolen keys open nothing of before,
and nothing of what comes once every member has spoken again. Any member can make it and change it."""
_GROUP_EXAMPLES = """\
examples:
  sealcast group create greenhouse                     of all that are awake
  sealcast group verify greenhouse                     fingerprints: compare them once
  sealcast send greenhouse --mode ratchet "hello"
  sealcast send greenhouse --mode ratchet --to bench-1 "for you alone"
  sealcast group add greenhouse bench-2
  sealcast group remove greenhouse bench-1             out of the group; a stolen board: sealcast lost
  sealcast group status greenhouse
"""
_LOST = """\
A board was stolen: the channel moves to a new key, for notes, names and group, which the board never had. Needs the
admin's key, on the computer where `channel new` was run. Members that sleep follow when they wake; those who came by
the word phrase alone do not know the admin and cannot (sealcast invite and provision tell them). The group must be made anew
afterwards (sealcast group create); the word phrase and old invitations no longer lead to the channel. Whoever stole a board
may have joined under other names before: look at the list, then say --yes."""
_LOST_EXAMPLES = """\
examples:
  sealcast lost greenhouse bench-1                      lists who would get the new key
  sealcast lost greenhouse bench-1 --yes                does it
  sealcast lost greenhouse bench-1 --yes --timeout 600  waits longer for the others
"""
