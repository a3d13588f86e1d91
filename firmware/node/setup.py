"""From settings to a session: reads sealcast.json, fills in identity and key, puts the parts together."""

import gc
import json
import sys
from binascii import a2b_base64

import sealcast
from sealcast import rare
from sealcast.compat import const
from sealcast.crypto import best_suite
from sealcast.errors import BadSettings, NoRandomness, SealcastError
from sealcast.run.aio import LOST, Backoff, explain, sleep_ms, within

# Heap that must be free before the parts below are loaded, for the ratcheting group to fit as well (from files: with
# 177,728 bytes a group of eight comes about, with 162,768 its making finds no memory). docs/HARDWARE.md,
# "Memory".
_IN_FIRMWARE = const(85000)
_IN_ROMFS = const(142000)
_IN_FILES = const(176000)

# Of an ESP32's memory: what Wi-Fi takes with the reserve for its traffic, and a member of notes and conversations, its
# bytecode in files or in flash. Measured on the emulated chips (docs/HARDWARE.md).
_RADIO = const(62000)
_MEMBER = const(80000)
_MEMBER_IN_FLASH = const(50000)
_GROUP = const(20000)  # beside either
_WAKING_MS = const(60000)  # for Wi-Fi and the broker, of who sleeps deeply
ON_BOARD = sys.platform not in ("linux", "darwin", "win32")

SUITES = {
    "native": "crypto: native (the C module: a scalar multiplication takes milliseconds)",
    "soft": "crypto: soft (pure Python: correct, but slow and not constant-time; "
    "install the native module for this chip)",
}


def read(settings):
    """A path or dict -> (dict, directory of the node's files with a slash at its end, or "", are they complete?).

    Complete are those that were checked when the board was provisioned, and not edited since.
    """
    if isinstance(settings, dict):
        return dict(settings), "", False
    directory = settings[: settings.rfind("/") + 1]
    try:
        with open(settings) as f:
            text = f.read()
        if text[:1] == "\ufeff":  # some editors begin a file with this mark
            text = text[1:]
        values = json.loads(text)
        if isinstance(values, dict) and "checked" in values:
            try:
                checked = rare.load("run.checked")
                if checked.holds(best_suite(), text):
                    return checked.decode(values), directory, True
            finally:
                rare.drop("run.checked")
    except OSError:
        raise BadSettings("cannot be read: put the node's settings there (`sealcast provision` makes them)")
    except ValueError:
        raise BadSettings("is not JSON: check commas and quotes")
    except MemoryError:
        raise BadSettings("is too large to be read here: `sealcast provision` makes what belongs there")
    return values, directory, False


def configured(path):
    """-> (completed settings, directory of the node's files). Raises SealcastError."""
    values, directory, complete = read(path)
    config = values if complete else completed(values)
    if ON_BOARD:
        fit(config)
    return config, directory


def identify(config, suite, directory, tell):
    """Fill in the secrets that the settings may leave out: the member's identity, the channel's key.

    Raises SealcastError.
    """
    tell(SUITES.get(suite.NAME, "crypto: " + suite.NAME))
    if config["identity"] is not None and config["key"] is not None:
        return  # as every provisioned board has them: storage is loaded later
    from . import firstboot

    if config["identity"] is None:
        config["identity"] = firstboot.identity(suite, directory, tell)
    if config["identity"] is None:
        raise NoRandomness("this port has no randomness to make an identity from: provision the board with one")
    if config["key"] is None:
        config["key"] = _root(firstboot, suite, config, directory, tell)


def member(config, suite, directory, clock, transport, tell=None):
    """Completed settings with identity and key -> a Session, not yet started. tell(line): progress for people.

    Raises SealcastError.
    """
    tell = tell or (lambda line: None)
    # What others import comes first: modules that load one inside the other overflow a board's C stack.
    from sealcast.zpinc import notes, members, identity, me, messages, presence  # noqa: F401, I001 isort: skip

    from sealcast.run.session import Session

    from . import storage

    kept = storage.Member(suite, config, directory)
    channel = kept.begin(tell)
    return Session(channel, transport, kept.store, clock, kept.jitter(), 16, kept.remake)


async def begin(config, suite, directory, report):
    """What must take its memory before the member does: Wi-Fi, the first connection, one growth of the heap.

    -> (the transport, an object to be kept until the member is there). A step that fails says so, and is tried again;
    with `duty` for a minute, then it raises OSError. Raises SealcastError before anything is begun.
    """
    identify(config, suite, directory, lambda line: report("info", {"text": line}))
    wifi = None
    if config["wifi"]:
        from .wifi import Wifi

        wifi = Wifi(config["wifi"], report)
    broker = transport(suite, config, wifi)
    if wifi:
        wifi.start()
    if not wifi or not ON_BOARD:
        return broker, None
    reached = _reach(broker, wifi, report)
    if config["duty"]:
        reached = within(reached, _WAKING_MS, "the broker is not reached in 60 s: the next waking tries it again")
    await reached
    from . import heap

    return broker, heap.grow()


async def _reach(broker, wifi, report):
    backoff = Backoff(1000, 60000)
    while True:
        await wifi.ready()
        try:
            return await broker.reach()
        except LOST as e:
            wait = backoff.next()
            report("offline", {"reason": explain(e), "retry_ms": wait})
            await sleep_ms(wait)


def watch(light, config, clock, log):
    """The session's state, on the light and in a line when it needs somebody's help."""
    from . import led

    if config["led"] is not None:
        light.pin = led.make(config["led"]).pin
    return led.Status(light, log.tell, config["wifi"], clock.now)


def ratchet_fits(free, path):
    """Does the ratcheting group fit a board with `free` bytes of heap? path: the core's, without a slash if frozen."""
    if path.startswith("/rom/"):
        return free >= _IN_ROMFS
    return free >= (_IN_FILES if path.startswith("/") else _IN_FIRMWARE)


def completed(values):
    """settings.complete(); its rules and texts are no longer needed then (rare.py).

    A board's `ratchet` stays open, None, where the settings say neither it nor `modes`.
    """
    silent = ON_BOARD and isinstance(values, dict) and values.get("ratchet") is None and values.get("modes") is None
    try:
        config = rare.load("run.settings").complete(values)
    finally:
        rare.drop("run.settings")
    if silent:
        config["ratchet"] = None
    return config


def fit(config):
    """Before anything is begun: does the member fit this board? Decides `ratchet` where the settings leave it open.

    Raises SealcastError where it would not run: a board says so, and does not die of it.
    """
    if config["duty"] is not None and config["ratchet"] is None:
        config["ratchet"] = False
    if config["ratchet"] is not None and not config["wifi"]:
        return
    gc.collect()
    free, path = gc.mem_free(), getattr(sealcast, "__file__", "")
    if config["wifi"] and path.startswith("/") and _heap_grows():
        need = _RADIO + (_MEMBER if path.startswith("/lib") else _MEMBER_IN_FLASH)
        what = "a member"
        if config["ratchet"]:
            need += _GROUP
            what = "a member with the ratcheting group"
        if free < need:
            raise SealcastError(
                "memory: %d KB are free, and Wi-Fi and %s need %d: `sealcast flash --xip` where it was not done, "
                "fewer modes (`sealcast provision --modes note,conversation`), or a firmware with the node in it "
                "(docs/HARDWARE.md)" % (free // 1000, what, need // 1000)
            )
    if config["ratchet"] is None:
        config["ratchet"] = ratchet_fits(free, path)
        if not config["ratchet"]:
            print(
                "memory: too little for the ratcheting group as well; "
                "notes and conversations only (ratchet: true tries it)"
            )


def _heap_grows():
    """Does the radio live on what Python's heap could grow by?"""
    try:
        import esp32
    except ImportError:
        return False
    return hasattr(esp32, "idf_heap_info")


def transport(suite, config, wifi=None):
    """The way to the broker that the settings name. wifi: what gives the network, if there is one to be waited for."""
    if config["transport"] == "serial":
        from .serialport import Serial, stream

        return Serial(stream(config["serial"]), config["keepalive"], config["serial"]["window"])
    return client(suite, config, wifi)


def client(suite, config, wifi=None):
    """The MQTT client for config["broker"]."""
    from .mqtt import Client, pseudonym

    broker = config["broker"]
    tls = context(broker["ca"]) if broker["tls"] else None
    who = pseudonym(suite, config["identity"]), broker["username"], broker["password"]
    return Client(broker["host"], broker["port"], *who, config["keepalive"], tls, wifi)


def context(ca):
    """A TLS context that checks the broker's certificate against the file `ca`; without one it hides, not checks."""
    try:
        import tls
    except ImportError:
        why = "this MicroPython is built without TLS; give false (messages are sealed all the same)"
        raise BadSettings("broker.tls: " + why)
    made = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    if ca is None:
        made.verify_mode = tls.CERT_NONE
        return made
    try:
        with open(ca, "rb") as f:
            for certificate in _ders(f.read()):
                made.load_verify_locations(certificate)
    except OSError:
        raise BadSettings("broker.ca: cannot be read; give the path of the broker's CA certificate")
    except ValueError:
        raise BadSettings("broker.ca: is no certificate that this port can read; give it in PEM or DER form")
    return made


def _ders(data):
    """The certificates in a PEM file, each in DER (not every port reads PEM); what is no PEM is taken for one in DER.

    Raises ValueError for a file that is cut short.
    """
    pieces = data.split(b"-----BEGIN CERTIFICATE-----")[1:]
    if not pieces:
        return [data]
    return [a2b_base64(piece[: piece.index(b"-----END CERTIFICATE-----")]) for piece in pieces]


def _root(firstboot, suite, config, directory, tell):
    def slow():
        tell(
            "password: making the channel's key from it, once, with stretch {}; at 15 this takes minutes, and twice as "
            "long with each more (a provisioned board has the key)".format(config["stretch"])
        )

    try:
        password, channel = config["password"].encode(), config["channel"].encode()
        return firstboot.root(suite, password, channel, config["stretch"], directory, slow)
    except MemoryError:
        why = "making the key from it does not fit in this board's memory; give the key (`sealcast provision`)"
        raise BadSettings("password: " + why)
