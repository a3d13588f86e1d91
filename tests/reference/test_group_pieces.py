"""The reference's pieces of the SMMP half: what one end builds the
other reads, and where their limits are (sections 16 to 22).
"""

import random
from dataclasses import replace

import pytest

from reference import agreement as ag
from reference import private, ratchet
from reference.control import Head, Need, Rejoin, Sync, build_control, open_control
from reference.encoding import Reject, u8, u32
from reference.joins import Identity, Join, SecretIdentity
from reference.names import ChannelKeys
from reference.notice import build_notice, open_share, parse_notice
from reference.packages import FAR, NoticeKey, Package, Shelf, build_package, open_package
from reference.positions import vouch
from reference.primitives import ZERO32, ed25519_public, x25519_base

KEYS = ChannelKeys(b"k" * 32, "greenhouse")
P = 2**255 - 19
# The values that cr.yp.to/ecdh.html lists for those who validate;
# X25519 takes them with the top bit set as well (RFC 7748, 5).
EIGHT = 325606250916557431795983626356110631294008115727848805560023387167927233504
OTHER = 39382357235489614581723060781553021112529911719440698176882885853963445705823
LOW = [u.to_bytes(32, "little") for u in (0, 1, EIGHT, OTHER, P - 1, P, P + 1)]
LOW += [bytes((*u[:31], u[31] | 0x80)) for u in LOW]


@pytest.mark.parametrize("u", LOW)
def test_low_order(u):
    with pytest.raises(Reject, match="neutral"):
        ratchet.refuse_low_order(x25519_base(b"k" * 32), u)


def test_not_of_low_order():
    for n in range(50):
        ratchet.refuse_low_order(x25519_base(bytes((n,)) * 32), (9 + n).to_bytes(32, "little"))


class Crew:
    """Members of a group with secrets from a seed."""

    def __init__(self, n: int) -> None:
        rng = random.Random(n)
        self.rng = rng
        self.identities = {KEYS.name(f"m{i}")[:16]: SecretIdentity(rng.randbytes(32)) for i in range(n)}
        self.pins = {tag: secret.public.B for tag, secret in self.identities.items()}
        self.secrets = {tag: (rng.randbytes(32), rng.randbytes(32)) for tag in self.identities}
        self.packages = {tag: Package(b"", 1, x25519_base(k), x25519_base(r)) for tag, (k, r) in self.secrets.items()}
        self.tags = sorted(self.identities)

    def agree(self, organizer):
        w, r = self.rng.randbytes(32), self.rng.randbytes(32)
        parties = {
            tag: ag.Party(ag.ENTERS + p.number, p.K, p.R) for tag, p in self.packages.items() if tag != organizer
        }
        u = self.identities[organizer].b
        frame, state = ag.build_agreement(b"g" * 16, None, ag.CREATE, organizer, u, w, r, parties, self.pins)
        self.r = {tag: r if tag == organizer else self.secrets[tag][1] for tag in self.tags}
        return frame, state

    def own(self, i):
        """What member i brings to a frame."""
        tag = self.tags[i]
        return self.r[tag], self.identities[tag].b, self.pins

    def say(self, state, j, m=b"\xff" + bytes(8)):
        return state.build(j, *self.own(j), self.rng.randbytes(32), self.rng.randbytes(24), m)


@pytest.mark.parametrize("n", [2, 3, 7])
def test_agreement_and_ratchet(n):
    crew = Crew(n)
    frame, state = crew.agree(crew.tags[n // 2])
    a = ag.parse_agreement(frame)
    for tag in crew.tags:
        if tag != a.organizer:
            k, r = crew.secrets[tag]
            assert ag.accept_agreement(a, tag, crew.identities[tag].b, k, r, crew.packages[tag].K, crew.pins) == state
            with pytest.raises(Reject):
                ag.accept_agreement(a, tag, crew.rng.randbytes(32), k, r, crew.packages[tag].K, crew.pins)
    for turn in range(2 * n):
        j = turn % n
        r_new = crew.rng.randbytes(32)
        frame, after = state.build(j, *crew.own(j), r_new, crew.rng.randbytes(24), b"\xff%d" % turn)
        for i in range(n):
            if i != j:
                assert state.receive(i, *crew.own(i), frame).after == after
        assert state.reread(*crew.own(j), frame).m == b"\xff%d" % turn
        for at in range(0, len(frame), 7):
            spoiled = frame[:at] + bytes((frame[at] ^ 4,)) + frame[at + 1 :]
            with pytest.raises(Reject):
                state.receive((j + 1) % n, *crew.own((j + 1) % n), spoiled)
        crew.r[crew.tags[j]] = r_new
        state = after


def test_who_speaks_needs_both_secrets():
    """Neither an identity without the ratchet key nor a ratchet key
    that an organizer named without the identity makes a header.
    """
    crew = Crew(3)
    _, state = crew.agree(crew.tags[0])
    r, b, pins = crew.own(1)
    for wrong in (
        (r, bytes(range(32)), pins),
        (bytes(range(32)), b, pins),
        (r, b, pins | {crew.tags[2]: pins[crew.tags[0]]}),
    ):
        frame, _ = state.build(1, *wrong, b"n" * 32, bytes(24), b"\xff" + bytes(8))
        with pytest.raises(Reject, match="undecryptable"):
            state.receive(2, *crew.own(2), frame)
    with pytest.raises(Reject, match="members"):
        state.receive(1, *crew.own(1), crew.say(state, 1)[0])


def test_the_last_epoch():
    """A group stands at 2^31 - 1 at most, and there it says and takes nothing more."""
    crew = Crew(2)
    _, state = crew.agree(crew.tags[0])
    last = replace(state, epoch=2**31 - 2)
    frame, after = crew.say(last, 0)
    assert after.epoch == 2**31 - 1 and last.receive(1, *crew.own(1), frame).after == after
    with pytest.raises(ValueError, match="no_group"):
        crew.say(after, 1)
    ended = frame[:18] + u32(2**31 - 1) + frame[22:-16]
    with pytest.raises(Reject, match="epoch"):
        replace(last, epoch=2**31 - 1).receive(1, *crew.own(1), ended + last.frame_mac(ended))


@pytest.mark.parametrize(("reason", "epoch", "head"), [(1, 1, 0), (1, 0, 1), (0, 0, 0), (2, 0, 1), (3, 5, 0)])
def test_create_epoch_0_and_no_head_go_together(reason, epoch, head):
    frame, _ = Crew(2).agree(Crew(2).tags[0])
    wrong = frame[:18] + u32(epoch) + bytes((head,)) * 32 + u8(reason) + frame[55:]
    with pytest.raises(Reject, match="members"):
        ag.parse_agreement(wrong)


def test_who_founds_a_group_enters_all():
    crew = Crew(3)
    crew.packages[crew.tags[2]] = replace(crew.packages[crew.tags[2]], number=1 - ag.ENTERS)  # number 1, and stays
    with pytest.raises(Reject, match="members"):
        crew.agree(crew.tags[0])


@pytest.mark.parametrize("text", [0, 1, 1150])
def test_messages(text):
    m = ratchet.Message(ratchet.APPLICATION, 7, 9, bytes(text))
    assert ratchet.parse_message(m.pack()) == m


@pytest.mark.parametrize("wrong", [
    b"", b"\xff" + bytes(12), b"\x06" + bytes(13), b"\xff" + bytes(13 + 1151),
    b"\xff" + bytes(12) + b"\x09" + bytes(72),
])  # fmt: skip
def test_wrong_messages(wrong):
    with pytest.raises(Reject, match="format"):
        ratchet.parse_message(wrong)


def test_private_pairs():
    crew = Crew(2)
    _, state = crew.agree(crew.tags[0])
    a, b = crew.tags
    ends = {}
    for own, peer in ((a, b), (b, a)):
        R_peer = state.R[state.index(peer)]
        ends[own] = private.start_pair(
            state.id, own, peer, crew.r[own], R_peer, crew.identities[own].b, crew.pins[peer]
        )
    for epoch, (sender, receiver) in enumerate([(a, b), (a, b), (b, a), (a, b)]):
        t = crew.rng.randbytes(32)
        payload = ends[sender].build(epoch, sender, bytes(24), t, b"psst")
        assert ends[receiver].open(epoch + 1, sender, bytes(24), payload) is None
        message, T = ends[receiver].open(epoch, sender, bytes(24), payload)
        assert message == b"psst" and T == x25519_base(t)
        ends[receiver], ends[sender] = ends[receiver].received(T), ends[sender].sent(T, t)
        assert ends[a].PR == ends[b].PR


SEED, KEY = b"S" * 32, x25519_base(b"K" * 32)
SESSION = Join("m0", KEYS.name("m0"), bytes(16), 7, Identity(b"", b""), ed25519_public(SEED), 16)


@pytest.mark.parametrize(
    "control", [Sync(b"n" * 16), Head(b"n" * 16, 1, 2**31 - 1, b"h" * 32), Need(3), Need(3, b"h" * 32), Rejoin(1)]
)
def test_controls(control):
    group, tag = KEYS.group_name("main"), SESSION.name[:16]
    statics = {b"a" * 16: b"1" * 32, b"b" * 16: b"2" * 32}
    frame = build_control(KEYS, group, tag, 7, vouch(group, tag, statics), control, bytes(24))
    opened = open_control(KEYS, group, frame, {tag: SESSION}.__getitem__)
    assert opened.control == control
    assert opened.position.believers({**statics, b"c" * 16: b"1" * 32}) == list(statics)
    assert opened.position.believers({b"a" * 16: b"2" * 32}) == []
    for at in range(22, len(frame)):
        changed = frame[:at] + bytes((frame[at] ^ 1,)) + frame[at + 1 :]
        with pytest.raises(Reject):
            open_control(KEYS, group, changed, {tag: SESSION}.__getitem__)


@pytest.mark.parametrize("what", [Package(bytes(16), 5, KEY, KEY), NoticeKey(bytes(16), KEY)])
def test_packages(what):
    sessions = {bytes(16): SESSION}
    opened = open_package(KEYS, SESSION.name, build_package(KEYS, "m0", what, bytes(24), SEED), sessions, SESSION)
    opened.verify()
    assert opened.what == what
    with pytest.raises(Reject, match="stale"):
        newer = replace(SESSION, sid=b"n" * 16)
        open_package(KEYS, SESSION.name, build_package(KEYS, "m0", what, bytes(24), SEED), sessions, newer)
    with pytest.raises(Reject, match="signature"):
        open_package(KEYS, SESSION.name, build_package(KEYS, "m0", what, bytes(24), ZERO32), sessions, SESSION).verify()


def test_shelf():
    """The two highest are kept; what is used is gone, unless the number is out of reach."""
    shelf = Shelf()
    packages = [Package(b"", number, b"", b"") for number in range(1, 8)]
    for package in packages[:4]:
        shelf.check(package)
        shelf.put(package)
    assert shelf.kept() == packages[2:4]
    shelf.use(3)
    assert shelf.kept() == packages[3:4] and shelf.used == 3
    for known in packages[:4]:
        with pytest.raises(Reject, match="duplicate"):
            shelf.check(known)
    shelf.use(4 + FAR + 1)
    assert shelf.used == 3 and shelf.kept()
    shelf.use(4 + FAR)
    assert shelf.used == 4 + FAR and not shelf.kept()


def test_notice():
    admin, b, k = b"a" * 32, SecretIdentity(b"b" * 32), b"k" * 32
    members = {b"m" * 16: (b.public.B, x25519_base(k)), b"n" * 16: (b.public.B, None)}
    frame = build_notice(KEYS, admin, 1, b"l" * 16, b"w" * 32, b"new root".ljust(32), members, bytes(24))
    notice = parse_notice(KEYS, ed25519_public(admin), frame)
    for tag in members:
        assert open_share(KEYS, notice, tag, b.b, b.public.B, (k, x25519_base(k))) == b"new root".ljust(32)
    other = b"K" * 32
    # no key was used for this one
    assert open_share(KEYS, notice, b"n" * 16, b.b, b.public.B, (other, x25519_base(other)))
    with pytest.raises(Reject, match="undecryptable"):
        open_share(KEYS, notice, b"m" * 16, b.b, b.public.B, (other, x25519_base(other)))
    with pytest.raises(Reject, match="members"):
        open_share(KEYS, notice, b"l" * 16, b.b, b.public.B, (k, x25519_base(k)))
