"""The Zpinc half on the board, from joining to lost storage; the other members and the judge are the reference's.

Every frame of the board is foretold to the last byte, its nonce and scalars included, from the seed of the run.
"""

from collections.abc import Callable

from reference.cpace import Computation
from reference.encoding import Reject
from reference.presence import ASLEEP, LEFT
from reference.storage import parse_slot, slot_key
from reference.zpinc import Attempt
from sealcast_host.boards.repl import BoardError
from sealcast_host.hil.place import BOARD, CHANNEL, Place
from sealcast_host.hil.results import NotRun, Results, Wrong
from sealcast_host.hil.rig import Rig

PART = "zpinc"
Step = tuple[str, str, Callable[[Place], int | None]]


def check(rig: Rig, results: Results) -> None:
    tell(PART, results, Place(rig, results.seed, grouped=False), STEPS)


def tell(part: str, results: Results, place: Place, steps: list[Step], roomy: bool = False) -> None:
    """The steps in order, a check each; when one fails the rest cannot be told. A step may return how much it compared.

    roomy: they need more heap than the smallest boards have; one that runs out of it is not asked further.
    """
    failed = ""
    for name, section, step in steps:
        if failed:
            results.skip(part, name, f"it follows on: {failed}")
            continue
        nonces, size = place.foreseen.nonces, len(place.frames)
        with results.check(part, name, section) as made:
            try:
                compared = step(place)
            except BoardError as e:
                if roomy and "MemoryError" in str(e):
                    raise NotRun(f"this board's heap is too small for it ({e})") from None
                raise
            frames, nonces = len(place.frames) - size, place.foreseen.nonces - nonces
            made.count = max(1, compared or frames)
            made.detail = (
                f"{compared} wrong frames"
                if compared
                else f"{frames} frames of the board, {nonces} of their nonces foretold"
            )
            if place.channel is not None:
                results.heap[part + ".high_water"] = max(
                    results.heap.get(part + ".high_water", 0), place.channel.allocated()
                )
        failed = name if made.verdict != "passed" else ""


def joins(p: Place) -> None:
    """Barrier, join, keepalive, under the hidden names; a member is there already."""
    p.guest("anna")
    board = p.switch_on(forget=True)
    for kind in ("Barrier", "Join", "Presence"):
        p.must("6.2", f"did joining take a {kind}?", True, p.observer.seen[kind] > 0)
    p.must("6.2", "how often it joined", 1, p.observer.seen["Join"])
    member = p.observer.view.by_uid(BOARD)
    p.must("6.2", "its lamport: 1 + the largest accepted one", 2, member.current.lamport)
    p.must("6.1", "its identity, pinned by the others", p.foreseen.identities[BOARD].public, member.pinned)
    p.must("11", "its members", [("anna", "awake"), (BOARD, "awake")], board.ask("_ch.members"))


def _agreed(p: Place, uids: list[str]) -> Attempt:
    """All of them are in the newest epoch, by the reference's computation."""
    done = [a for a in p.observer.view.attempts.values() if a.epoch]
    newest = max(done, key=lambda a: (a.number, a.proposer), default=None)
    if newest is None:
        raise Wrong("9.5", "no handshake was completed", ", ".join(sorted(uids)), "none")
    c: Computation = newest.computation
    p.must("9.3", "the parties of the newest epoch", sorted(uids), sorted(q.uid for q in c.parties))
    p.must("9.5", "how many confirmed it", len(uids), len(newest.confirmed))
    p.must("9.5", "the board's current epoch", c.hid[:16].hex(), p.board.ask("_ch.epoch"))
    return newest


def two(p: Place) -> None:
    """The handshake of two: Z, K, ISK, confirmation."""
    p.advance(12000)
    _agreed(p, ["anna", BOARD])


def talks(p: Place) -> None:
    """Conversation messages and notes of many lengths, both ways."""
    anna, mark = p.guests["anna"], len(p.heard)
    expected = []
    for i, size in enumerate((0, 1, 31, 32, 200, 1000)):
        body = bytes((65 + i,)) * size
        p.send(body, "conversation", 1000 + i)
        p.send(body, "note", 2000 + i)
        anna.say(anna.peer.say(body, 3000 + i))
        anna.say(anna.peer.note(body, 4000 + i))
        expected += [("anna", "conversation", body), ("anna", "note", body)]
    p.must("10", "what the board heard", expected, p.heard_since(mark))
    p.must("11", "origin of all it heard", {"member"}, {h.origin for h in p.heard[mark:]})
    p.must("7.3", "what of it was historic", [], [h.seq for h in p.heard[mark:] if h.historic])
    said = [(stream, body) for stream, uid, body in anna.peer.inbox if uid == BOARD]
    sent = [(stream, bytes((65 + i,)) * size) for i, size in enumerate((0, 1, 31, 32, 200, 1000)) for stream in "cn"]
    p.must("10", "what the other member heard of the board", sent, said)


def rings(p: Place) -> None:
    """More notes than the ring has slots; the keepalive's head and digest; a keepalive of the other's is compared."""
    for i in range(14):
        p.send(b"note %d" % i, "note")
    anna = p.guests["anna"]
    anna.say(anna.peer.presence())
    p.advance(31000)
    presence = p.observer.view.by_uid(BOARD).presence
    p.must("7.5", "the signed head after 20 notes", 20, presence.head if presence else None)


def three(p: Place) -> None:
    """A third member comes: X_i, running sums, a new epoch; all speak."""
    clara = p.guest("clara")
    p.advance(15000)
    _agreed(p, ["anna", BOARD, "clara"])
    mark = len(p.heard)
    p.send(b"for three", "conversation")
    clara.say(clara.peer.say(b"of three"))
    p.must("10", "what the board heard", [("clara", "conversation", b"of three")], p.heard_since(mark))
    p.must("10", "what the third heard", ("c", BOARD, b"for three"), clara.peer.inbox[-1])


def wrong(p: Place) -> int:
    """Spoiled frames of every stream: each dropped and counted, none changes what is stored."""
    anna = p.guests["anna"]
    frames = [(topic, frame) for topic, frame in p.retained.items() if p.keys.parse_topic(topic).name == anna.peer.name]
    said = anna.peer.say(b"never delivered")[0]
    frames.append((said.topic, said.frame))
    before, mark, stored = sum(p.board.ask("_ch.out.drops").values()), len(p.heard), p.board.slots()
    count = 0
    for topic, frame in frames:
        for at in (0, 1, 20, 30, 50, len(frame) - 1):
            p.inject(topic, frame[:at] + bytes((frame[at] ^ 1,)) + frame[at + 1 :])
            count += 1
        p.inject(topic, frame[:61])
        p.inject(topic, frame[:-1])
        p.inject(topic + "/x", frame)
        count += 3
    p.must(
        "13",
        f"how many of {count} wrong frames were counted",
        count,
        sum(p.board.ask("_ch.out.drops").values()) - before
    )
    p.must("13", "what was delivered of them", [], p.heard_since(mark))
    p.must("13", "what was stored meanwhile", stored, p.board.slots())
    return count


def resumes(p: Place) -> None:
    """Power cut; from storage the same session goes on, in its epoch; the slot on the filesystem is as the page
    says."""
    before = p.observer.view.by_uid(BOARD).current
    key = slot_key(p.identity, CHANNEL, BOARD)
    slots = p.board.slots()
    p.must("12", "slots that are left after a store", 1, len(slots))
    try:
        parse_slot(key, slots[0])
    except Reject as e:
        raise Wrong("12", f"the slot on the board's filesystem is refused ({e})", "SCst...", slots[0][:32]) from None
    p.cut()
    p.advance(3000)
    anna = p.guests["anna"]
    anna.say(anna.peer.note(b"while it was off"))
    mark = len(p.heard)
    p.switch_on()
    p.advance(15000)
    p.must("6.1", "its session after the cut", before.sid, p.observer.view.by_uid(BOARD).current.sid)
    again = [h for h in p.heard[mark:] if h.again]
    p.must("7.3", "the note that it missed", [("anna", "note", b"while it was off")], new_ones(p, mark))
    heard = {h.body for h in p.heard[:mark]}
    p.must("11", "what it handed over again was heard before", [], [h.body for h in again if h.body not in heard])
    _agreed(p, ["anna", BOARD, "clara"])
    p.send(b"back", "note")
    p.send(b"back", "conversation")


def new_ones(p: Place, mark: int) -> list[tuple[str, str, bytes]]:
    """What was handed over since, without what a power cut made the board repeat."""
    return [(h.sender, h.secrecy, h.body) for h in p.heard[mark:] if not h.again]


def forgets(p: Place) -> None:
    """Storage is lost: a new session, its lamport above all it finds; a new epoch."""
    before = p.observer.view.by_uid(BOARD).current
    p.cut()
    for guest in p.guests.values():  # their keepalives tell a newcomer which attempts there were (9.3)
        guest.say(guest.peer.presence())
    p.switch_on(forget=True)
    p.advance(15000)
    after = p.observer.view.by_uid(BOARD).current
    p.must(
        "6.2", "its lamport is above its former one", True, after.lamport > before.lamport and after.sid != before.sid
    )
    _agreed(p, ["anna", BOARD, "clara"])


def rests(p: Place) -> None:
    """It sleeps, wakes, and says goodbye."""
    p.do("sleep", 60, p.now)
    asleep = p.observer.view.by_uid(BOARD).presence
    p.must("8", "its status while it sleeps", ASLEEP, asleep.status if asleep else None)
    p.advance(5000)
    p.switch_on()
    p.advance(5000)
    p.do("leave", p.now)
    left = p.observer.view.by_uid(BOARD).presence
    p.must("8", "its status after its goodbye", LEFT, left.status if left else None)


STEPS: list[Step] = [
    ("joins: names, session, barrier, join, keepalive", "6", joins),
    ("handshake of two: Z, ISK, confirmation", "9", two),
    ("conversation and notes, both ways", "7, 10", talks),
    ("ring, head and digest", "7.5", rings),
    ("handshake of three: Z, X, ISK", "9", three),
    ("wrong frames are dropped and counted", "13", wrong),
    ("power cut: session, epoch, storage", "12", resumes),
    ("storage lost: a new session", "6.2", forgets),
    ("sleep and goodbye", "8", rests),
]
