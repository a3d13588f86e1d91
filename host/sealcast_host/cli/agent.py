"""`sealcast agent`: one process that holds this computer's members; all commands and programs take part through it."""

import argparse
import asyncio
import os
import shutil
import subprocess
import sys

from sealcast_host.agent import place, start
from sealcast_host.agent.log import Log
from sealcast_host.cli import talk
from sealcast_host.cli.render import clean
from sealcast_host.errors import Failed, UserError


def arguments(p: argparse.ArgumentParser) -> None:
    p.description, p.epilog = _ABOUT, _EXAMPLES
    what = p.add_mutually_exclusive_group()
    what.add_argument("--detach", action="store_true", help="in the background, with a log file; returns when it runs")
    what.add_argument("--install", action="store_true", help="at each login, by this user's systemd")
    what.add_argument("--stop", action="store_true", help="end the agent that runs")
    what.add_argument("--status", action="store_true", help="say whether one runs, and which members it holds")
    what.add_argument("--while-used", action="store_true", help=argparse.SUPPRESS)  # as listen and chat start it
    what.add_argument("--logged", action="store_true", help=argparse.SUPPRESS)  # as --detach starts it
    talk.add_json(p)
    p.set_defaults(run=_run)


def _run(args: argparse.Namespace) -> int:
    if args.detach:
        start.detached()
        said = f"the agent runs; its log is {place.log_path()}; sealcast agent --stop ends it"
        talk.result("agent", {"running": True, "log": str(place.log_path())}, said)
        return 0
    if args.install:
        return install()
    if args.stop:
        pid = start.stop()
        talk.result("agent", {"running": False, "pid": pid}, f"agent {pid} has ended")
        return 0
    if args.status:
        return status()
    return run(stays=not args.while_used, logged=args.logged or args.while_used)


def run(*, stays: bool, logged: bool) -> int:
    """The agent itself, until a signal or --stop."""
    from sealcast_host.agent.server import AgentRuns, serve
    from sealcast_host.cli.signals import on_stop

    log = Log(place.log_path() if logged else None)

    def ready() -> None:
        if logged:
            _let_go()
        else:
            print(f"sealcast agent: at {place.socket_path()}; Ctrl-C ends it", flush=True)

    try:
        asyncio.run(serve(log, stays=stays, ready=ready, on_stop=on_stop))
    except AgentRuns:
        if stays:
            raise
        _let_go()  # another was quicker: that one serves
    return 0


def _let_go() -> None:
    """Tell who started us, and keep nothing of theirs open."""
    os.write(1, start.READY)
    os.chdir("/")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for fd in (1, 2):
        os.dup2(nowhere, fd)
    os.close(nowhere)


def install() -> int:
    if sys.platform != "linux":
        raise UserError("there is no systemd here: have this system run `sealcast agent` at each login in its own way")
    path, command = start.install()
    print(f"written   {path}")
    if shutil.which("systemctl") is None:
        print(f"next      {' '.join(command)}")
        return 0
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        said = clean(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no reason given")
        raise Failed(f"the unit is written, but was not enabled ({said}); when systemd runs: {' '.join(command)}")
    print("enabled   it runs now, and from each login on (loginctl enable-linger: from each start of the computer on)")
    return 0


def status() -> int:
    """Exit code 1 when none runs."""
    try:
        found = start.ask("agent")
    except place.NoAgent as e:
        if not talk.as_json():
            print(e, file=sys.stderr)
        talk.result("agent", {"running": False})
        return 1
    lines = [f"agent     {found['pid']}, {'stays' if found['stays'] else 'ends with the last one attached'}"]
    for row in found["members"]:
        where = "online" if row["online"] else "no broker"
        lines.append(f"member    {clean(row['channel'])} as {clean(row['uid'])}: {where}, {row['attached']} attached")
    for row in found["gateways"]:
        how = "at work" if row["running"] else "begun again and again"
        lines.append(f"gateway   {clean(row['channel'])}: {how}")
        lines += [f"          {clean(line)}" for line in row["said"][-5:]]
    talk.result("agent", {"running": True} | found, *lines)
    return 0


_ABOUT = """\
Hold this computer's members in one process. While it runs, all commands and programs (sealcast.join) take part through
it as the same member, over a socket that only this user can open; without it they work alone. listen, chat and
gateway start one by themselves for as long as they last. A message that nobody takes is kept for the next listener."""
_EXAMPLES = """\
examples:
  sealcast agent --detach        from now on
  sealcast agent --install       from each login on (a systemd user unit)
  sealcast agent --status
  sealcast agent --stop
"""
