"""The SMMP half on the board: packages, agreements, ratchet, private messages, catching up, rejoining; judged as
the rest.

The judge knows the board's scripted secrets, so agreements and ratchet frames of the board are built again and
compared byte by byte, and those of the others are read at the board's end, as the board must.
"""

from typing import Any

from reference import agreement as ag
from sealcast_host.hil.place import BOARD, GROUP, Place
from sealcast_host.hil.results import Results, Wrong
from sealcast_host.hil.rig import Rig
from sealcast_host.hil.zpinc import Step, tell

PART = "group"


def check(rig: Rig, results: Results) -> None:
    tell(PART, results, Place(rig, results.seed, grouped=True), STEPS, roomy=True)


def _state(p: Place) -> Any:
    return p.observer.groups[p.keys.group_name(GROUP)].state


def _same(p: Place, uids: list[str]) -> None:
    """The board stands where the reference stands: epoch, head, members, and the digest of what was said."""
    state = _state(p)
    if state is None:
        raise Wrong("16.3", "there is no group", ", ".join(uids), "none")
    p.must("16.2", "the members of the group", sorted(p.keys.name(uid)[:16] for uid in uids), sorted(state.tags))
    _settle_in(p)
    found = {name: p.board.ask(f"bytes(_ch.group.state.{name})") for name in ("head", "digest", "RK")}
    p.must("17.1", "the epoch of the board's group", state.epoch, p.board.ask("_ch.group.state.epoch"))
    for name, section in (("head", "16.3"), ("digest", "17.3"), ("RK", "17.3")):
        p.must(section, f"{name} on the board", getattr(state, name), found[name])


def _settle_in(p: Place) -> None:
    p.advance(1000)


def _ratchet(p: Place, mark: int) -> list[tuple[str, bytes, bool]]:
    return [(h.sender, h.body, h.private) for h in p.heard[mark:] if h.secrecy == "ratchet"]


def arrives(p: Place) -> None:
    """Join with two one-time packages, each made of foretold secrets."""
    for uid in ("anna", "boris"):
        p.guest(uid)
    p.switch_on(forget=True)
    p.advance(12000)
    packages = p.observer.view.by_uid(BOARD).present_packages()
    p.must("16.1", "numbers of its packages", [1, 2], [package.number for package in packages])
    for package in packages:
        known = [name for name, value in (("K", package.K), ("R", package.R)) if value in p.foreseen.x]
        p.must("16.1", f"which keys of package {package.number} section 5 foretells", ["K", "R"], known)


def founds(p: Place) -> None:
    """The board organizes: L, G, MK, tag, mac; the others come to the same state."""
    p.do("change_group", "create", ["anna", "boris"], p.now)
    p.advance(8000)
    p.must("16", "agreements of the board", 1, p.observer.seen["Founded"])
    _same(p, ["anna", "boris", BOARD])
    for uid in ("anna", "boris"):
        p.must("16.3", f"RK of {uid}", _state(p).RK, p.guests[uid].group.state.RK)


def speaks(p: Place) -> None:
    """Ratchet messages of all, one after the other and at the same time."""
    anna, boris, mark = p.guests["anna"], p.guests["boris"], len(p.heard)
    expected = []
    for i, size in enumerate((0, 1, 40, 600)):
        body = b"%d" % i * size
        p.send(body, "ratchet")
        p.advance(1000)
        for guest in (anna, boris):
            guest.say(guest.group.send(body + guest.uid.encode()))
            expected.append((guest.uid, body + guest.uid.encode(), False))
        p.advance(1000)
    p.must("17", "what the board heard", expected, _ratchet(p, mark))
    sent = [b"%d" % i * size for i, size in enumerate((0, 1, 40, 600))]
    p.must(
        "17",
        "what anna heard of the board",
        sent,
        [body for stream, uid, body in anna.peer.inbox if (stream, uid) == ("g", BOARD)],
    )
    mark = len(p.heard)
    board = p.board.do("send", b"of the board", "ratchet", p.now)  # its frame is made, and comes second
    anna.queue, held = [], anna.queue
    p.publish(*_plain(anna.group.send(b"at once")), board=False)
    anna.queue = held + anna.queue
    p.carry_out(board)
    p.settle()
    p.advance(4000)
    p.must("18.1", "what the board heard of the frame that won", [("anna", b"at once", False)], _ratchet(p, mark))
    p.must("18.1", "what the others heard of the board's, sealed again", b"of the board", anna.peer.inbox[-1][2])
    _same(p, ["anna", "boris", BOARD])


def _plain(publications: list[Any]) -> tuple[str, bytes, bool]:
    (one,) = publications
    return one.topic, one.frame, one.retain


def whispers(p: Place) -> None:
    """Private messages both ways; the third hears nothing."""
    boris, anna, mark = p.guests["boris"], p.guests["anna"], len(p.heard)
    heard = len(anna.peer.inbox)
    for i in range(3):
        p.send(b"only boris %d" % i, "ratchet", 0, "boris")
        p.advance(1500)
        boris.say(boris.group.send_private(BOARD, b"only the board %d" % i))
        p.advance(1500)
    p.must(
        "20",
        "what was whispered to the board",
        [("boris", b"only the board %d" % i, True) for i in range(3)],
        _ratchet(p, mark),
    )
    whispered = [body for stream, uid, body in boris.peer.inbox if (stream, uid) == ("private", BOARD)]
    p.must("20", "what the board whispered", [b"only boris %d" % i for i in range(3)], whispered)
    p.must("20", "what the third heard of it", heard, len(anna.peer.inbox))
    _same(p, ["anna", "boris", BOARD])


def changes(p: Place) -> None:
    """The board adds a member; another organizes again (0x00); the board removes one."""
    clara = p.guest("clara")
    p.advance(3000)
    p.do("change_group", "add", ["clara"], p.now)
    p.advance(4000)
    _same(p, ["anna", "boris", "clara", BOARD])
    clara.say(clara.group.send(b"I am new"))
    p.advance(1000)
    anna = p.guests["anna"]
    anna.say(anna.group.organize(ag.RESYNC, ["boris", "clara", BOARD]))
    p.advance(2000)
    _same(p, ["anna", "boris", "clara", BOARD])
    p.do("change_group", "remove", ["boris"], p.now)
    p.advance(4000)
    _same(p, ["anna", "clara", BOARD])
    p.send(b"without boris", "ratchet")
    p.advance(2000)
    p.must(
        "19",
        "what the removed member heard after",
        False,
        b"without boris" in [entry[2] for entry in p.guests["boris"].peer.inbox],
    )
    p.must("19", "what the added member heard", True, b"without boris" in [entry[2] for entry in clara.peer.inbox])


def catches_up(p: Place) -> None:
    """Power cut; three frames are missed, read from the slots, and handed over in their order."""
    p.advance(6000)
    p.cut()
    anna, mark = p.guests["anna"], len(p.heard)
    for i in range(3):
        anna.say(anna.group.send(b"missed %d" % i))
    p.switch_on()
    p.advance(20000)
    missed = [(h.sender, h.body, False) for h in p.heard[mark:] if h.secrecy == "ratchet" and not h.again]
    p.must("18.3", "what it had missed", [("anna", b"missed %d" % i, False) for i in range(3)], missed)
    p.send(b"back", "ratchet")
    p.advance(2000)
    _same(p, ["anna", "clara", BOARD])


def rejoins(p: Place) -> None:
    """The board asks to be taken in again, with fresh packages; an agreement (0x00) does it."""
    p.do("change_group", "rejoin", [], p.now)
    p.advance(1000)
    p.must("18.5", "did it ask?", True, p.observer.seen["Commanded"] > 0)
    anna = p.guests["anna"]
    anna.group.coming = frozenset({BOARD})
    anna.say(anna.group.organize(ag.RESYNC, ["clara", BOARD]))
    p.advance(12000)
    mark = len(p.heard)
    anna.say(anna.group.send(b"welcome back"))
    p.advance(2000)
    p.must("18.5", "what it heard then", [("anna", b"welcome back", False)], _ratchet(p, mark))
    _same(p, ["anna", "clara", BOARD])


def leaves(p: Place) -> None:
    """It leaves the group; the others take it out."""
    p.do("change_group", "leave", [], p.now)
    p.advance(2000)
    anna = p.guests["anna"]
    anna.say(anna.group.organize(ag.REMOVE, ["clara"]))
    p.advance(2000)
    p.must("17.4", "what the board still holds of the group", None, p.board.ask("_ch.group.state"))


STEPS: list[Step] = [
    ("packages, of foretold secrets", "16.1", arrives),
    ("agreement by the board: create", "16.3", founds),
    ("ratchet messages, also two at once", "17, 18.1", speaks),
    ("private messages", "20", whispers),
    ("add, resync, remove", "19", changes),
    ("power cut: caught up from the slots", "18.3", catches_up),
    ("rejoin with fresh packages", "18.5", rejoins),
    ("leave", "17.4", leaves),
]
