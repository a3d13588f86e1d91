"""Nothing is random: with the hardware's bytes and the stored seed
known, every nonce and secret of a member is foretold (section 5).
"""

from __future__ import annotations

from ref_world import Reference, World, hardware

from reference import ristretto
from reference.conversations import message_key
from reference.encoding import Reject, lv
from reference.frames import CONTROL, HEADER, Header, associated, nonce_of, open_sealed
from reference.joins import Join
from reference.primitives import derive
from reference.randomness import Randomness, drawn, drawn_nonce

MOST = 200  # draws in one run of the scenarios


class Run:
    """One boot of one member: what it can have drawn."""

    def __init__(self, uid: str, boot: int, seed: bytes) -> None:
        self.uid = uid
        self.randomness = Randomness(seed, hardware(uid, boot))
        self.bytes16 = hardware(uid, boot)(16)
        draws = [drawn(self.randomness.working, count, self.bytes16) for count in range(1, MOST)]
        self.secrets = {draw[:size] for draw in draws for size in (16, 32)}
        self.scalars = {int.from_bytes(draw, "little") % ristretto.L for draw in draws}

    def made_nonce(self, ad: bytes, pt: bytes, nonce: bytes) -> bool:
        return any(
            drawn_nonce(self.randomness.working, count, self.bytes16, ad, pt) == nonce for count in range(1, MOST)
        )


def runs_of(world: World) -> list[Run]:
    """The seed of a boot is the one that the boot before it stored, if its storage was kept; else there is none."""
    runs = []
    for uid, boots in world.booted.items():
        for boot, blob in enumerate(boots, 1):
            before = [run for run in runs if blob and run.randomness.next_seed in blob]
            assert bool(before) == (blob is not None), "the next seed is stored"
            runs.append(Run(uid, boot, before[-1].randomness.next_seed if before else b""))
        assert runs[-1].randomness.next_seed in world.stored[uid]
    return runs


def check_draws(world: World, reference: Reference) -> None:
    """Every seed, scalar, X25519 secret, session id and nonce of a run so far came from section 5."""
    runs = runs_of(world)
    identities = {key for secret in world.known.identities.values() for key in (secret.b, secret.e)}
    secrets = {*world.known.seeds.values(), *world.known.x.values()} - identities
    assert len(secrets) > 4 and secrets <= {secret for run in runs for secret in run.secrets}
    assert world.known.scalars and set(world.known.scalars) <= {y for run in runs for y in run.scalars}
    sids = {sid for member in reference.view.members.values() for sid in member.sessions}
    assert sids <= {secret for run in runs for secret in run.secrets}
    checked = 0
    for topic, frame, _ in world.log:
        t = reference.keys.parse_topic(topic)
        if t.stream in "jnpskh":
            ad, pt = _opened(reference, t.name, frame)
        elif frame[1] == CONTROL:
            ad, pt = _opened(reference, t.name, frame[:-16])
        elif t.stream == "c":
            ad, pt = _opened_conversation(reference, t.name, frame)
        else:
            continue
        uid = reference.view.by_tag(frame[2:18]).uid if frame[1] == CONTROL else reference.keys.uid(t.name)
        assert any(run.made_nonce(ad, pt, nonce_of(frame)) for run in runs if run.uid == uid), topic
        checked += 1
    assert checked > 10


def _header(frame: bytes) -> Header:
    return Header(frame[1], frame[2:18], int.from_bytes(frame[18:HEADER], "big"))


def _opened(reference: Reference, name: bytes, frame: bytes) -> tuple[bytes, bytes]:
    ad = associated(_header(frame), reference.keys.rp, name)
    return ad, open_sealed(reference.keys.msgkey, ad, frame)


def _opened_conversation(reference: Reference, name: bytes, frame: bytes) -> tuple[bytes, bytes]:
    header = _header(frame)
    ad = associated(header, reference.keys.rp, name)
    epoch = reference.view.conversations[header.epoch].epoch
    party: Join | None = next((p for p in epoch.parties if p.name == name), None)
    if party is None:
        raise Reject("members")
    chain = derive(epoch.ISK, b"sc/chain", lv(name, party.sid))
    return ad, open_sealed(message_key(chain, header.seq), ad, frame[:-16])
