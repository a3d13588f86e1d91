"""`sealcast channel set | rename | forget | purge`: what changes a channel that is known here."""

import contextlib
import shutil
from pathlib import Path
from typing import Any

from sealcast_host.cli import talk
from sealcast_host.cli.options import add_broker, channel_of
from sealcast_host.cli.render import clean
from sealcast_host.cli.signals import run
from sealcast_host.errors import UserError
from sealcast_host.member import channels
from sealcast_host.member.address import url_of
from sealcast_host.member.channels import ChannelFile
from sealcast_host.member.privatefiles import reason

DATA = "what this member says of itself to the others, at most 64 bytes: its model, its place"


def arguments(sub: Any) -> None:
    """Add these actions to those of `sealcast channel`."""
    p = sub.add_parser("set", help="change its broker, or how this computer's member is in it", description=_SET)
    p.add_argument("channel", metavar="NAME")
    p.add_argument("--uid", help="this computer's name from now on: to the others a new member")
    p.add_argument("--data", metavar="TEXT", help=DATA + '; "" takes it back')
    what = 'what the ratcheting group is called on this computer, for nobody else; "" takes it back'
    p.add_argument("--group-name", metavar="NAME", help=what)
    add_broker(p)
    p.set_defaults(
        run=lambda args: change(
            channels.load(args.channel), channel_of(args).broker, args.uid, args.data, args.group_name
        )
    )

    p = sub.add_parser("rename", help="call it otherwise on this computer", description=_RENAME)
    p.add_argument("channel", metavar="NAME")
    p.add_argument("new", metavar="NEW")
    p.set_defaults(run=lambda args: rename(channels.load(args.channel), args.new))

    p = sub.add_parser("forget", help="remove its key and this computer's state", description=_FORGET)
    p.add_argument("channel", metavar="NAME")
    p.add_argument("--yes", action="store_true", help="there is no way back without the phrase or an invitation")
    p.set_defaults(run=lambda args: forget(_begun(args.channel), args.yes))

    p = sub.add_parser("purge", help="clear what the broker keeps of it", description=_PURGE)
    p.add_argument("channel", metavar="NAME")
    add_broker(p)
    p.add_argument("--yes", action="store_true", help="the notes kept there are lost for all who have not read them")
    p.set_defaults(run=lambda args: purge(channel_of(args), args.yes))


def change(
    known: ChannelFile, broker: dict[str, Any], uid: str | None, data: str | None = None, group_name: str | None = None
) -> int:
    """Store another broker, name, data or name of the group; members that the agent holds start anew with it."""
    before = known.to_json()
    known.broker, known.uid = broker, known.uid if uid is None else uid
    known.data = known.data if data is None else data or None
    known.group_name = known.group_name if group_name is None else group_name or None
    if known.to_json() == before:
        options = "--broker, --broker-user, --tls, --no-tls, --ca, --uid, --data or --group-name"
        raise UserError(f"nothing to change: give {options}")
    channels.store(known, replace=True)
    _drop(known.name)
    told({}, known, f"uid       {known.uid}", f"broker    {where(known.broker)}",
         *([f"data      {clean(known.data)}"] if known.data else ()))  # fmt: skip
    return 0


def rename(known: ChannelFile, new: str) -> int:
    old = known.name
    if new == old:
        raise UserError("that is its name already")
    carried = _gateway(old)
    path = channels.rename(known, new)
    _drop(old)
    if carried is not None:
        from sealcast_host.agent import start

        start.ask("gateway", channel=new, words=carried["words"], folder=carried["folder"])
    told({}, known, f'"{clean(known.channel)}" is "{clean(new)}" on this computer; kept in {path}')
    return 0


def forget(known: ChannelFile, sure: bool) -> int:
    """Remove the file, and the states of this computer's members, also of those that the agent holds."""
    from sealcast_host.member.state import state_folders, states_of

    count = len(state_folders(known.channel))
    if not sure:
        admin = "; its admin key is only here: nobody can declare a board lost afterwards" if known.admin_secret else ""
        raise UserError(
            f"nothing is removed yet: with --yes the key and the state of {count} member"
            f"{'s' if count != 1 else ''} go, and only the phrase or an invitation leads back{admin}"
        )
    path, aside = _files(known.name)
    try:
        path.replace(aside)  # from now on the agent cannot take part anew
        try:
            _drop(known.name)
            states = states_of(known.channel)
            for state in states:
                state.release()
                shutil.rmtree(state.path)
        except BaseException:
            aside.replace(path)
            raise
        aside.unlink()
    except OSError as e:
        way = "" if ";" in (why := reason(e)) else "; give the folder back to yourself (chown, chmod)"
        raise UserError(f"cannot remove {e.filename}: {why}{way}") from None
    if states:
        with contextlib.suppress(OSError):
            states[0].path.parent.rmdir()
    talk.result("forgotten", {"channel": known.name}, f'"{clean(known.name)}" is forgotten here')
    return 0


def _files(name: str) -> tuple[Path, Path]:
    """A channel's, and where it lies while it is being forgotten."""
    path = channels.path_of(name)
    return path, path.with_name(path.name + ".forgotten")


def _begun(name: str) -> ChannelFile:
    """The channel, also one whose forgetting was cut short: keys and states of it may still be here."""
    path, aside = _files(name)
    if aside.exists() and not path.exists():
        aside.replace(path)
    return channels.load(name)


def purge(known: ChannelFile, sure: bool) -> int:
    from sealcast_host.member import purge as work

    if not sure:
        raise UserError(
            f"nothing is cleared yet: with --yes all that the broker at {where(known.broker)} keeps of this channel "
            "goes, also notes that others have not read; members that are awake come back by themselves"
        )
    topics = run(work.purge(known))
    talk.result("purged", {"channel": known.name, "topics": topics}, f"cleared   {topics} topics")
    return 0


def told(more: dict[str, Any], known: ChannelFile, *lines: str) -> None:
    """The lines, or what there is to know of a channel but its secrets."""
    talk.result("channel", facts(known) | more, *lines)


def facts(known: ChannelFile) -> dict[str, Any]:
    """All but the secrets."""
    broker = {k: v for k, v in known.broker.items() if k != "password"} | {"url": url_of(known.broker)}
    return {
        "channel": known.name, "name_of_its_own": known.channel, "uid": known.uid, "broker": broker,
        "admin": known.admin_secret is not None, "roster": sorted(known.roster), "stretch": known.stretch,
        "data": known.data, "group_name": known.group_name,
        "file": str(channels.path_of(known.name)),
    }  # fmt: skip


def where(broker: dict[str, Any]) -> str:
    from sealcast_host.member.address import place_of

    user = f", user {broker['username']}" if broker.get("username") else ""
    return f"{place_of(broker)}{', TLS' if broker.get('tls') else ''}{user}"


def _gateway(name: str) -> dict[str, Any] | None:
    """What the agent, if one runs, says of this channel's gateway, if there is one."""
    from sealcast_host.agent import place, start

    with contextlib.suppress(place.NoAgent):
        return next((row for row in start.ask("agent")["gateways"] if row["channel"] == name), None)
    return None


def _drop(name: str) -> None:
    """Have the agent, if one runs, part with this channel's members."""
    from sealcast_host.agent import place, start

    with contextlib.suppress(place.NoAgent):
        start.ask("drop", channel=name)


_SET = """Change where a channel's broker is, or who this computer is in it. The key stays."""
_RENAME = """\
Call a channel otherwise on this computer, say when two have the same name. Its own name, which all members share,
stays."""
_FORGET = """\
Remove a channel from this computer: key, admin key, identity and state of its members here. At the broker nothing
changes (sealcast channel purge does that). One that was cut short is finished by the same command."""
_PURGE = """\
Clear what a broker keeps of a channel: joins, presences, notes, and the group's last frames; the notice of a lost board
stays. For a channel that is given up, or that moved to another broker."""
