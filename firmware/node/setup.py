"""From settings to a session: reads sealcast.json, finds the suite, fills in identity and key, puts the parts together."""

import json
import os
from binascii import a2b_base64

from sealcast import rare
from sealcast.compat import const
from sealcast.crypto import best_suite
from sealcast.errors import BadSettings, BadState, NoRandomness

# Heap that must be free before the parts below are loaded, for the ratcheting group to fit as well: docs/HARDWARE.md, "Memory".
_IN_FIRMWARE = const(85000)
_IN_ROMFS = const(142000)
_IN_FILES = const(205000)

SUITES = {
    "native": "crypto: native (the C module: a scalar multiplication takes milliseconds)",
    "soft": "crypto: soft (pure Python: correct, but slow and not constant-time; install the native module for this chip)",
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
            from sealcast.run import checked

            if checked.holds(best_suite(), text):
                return checked.decode(values), directory, True
    except OSError:
        raise BadSettings("cannot be read: put the node's settings there (`sealcast provision` makes them)")
    except ValueError:
        raise BadSettings("is not JSON: check commas and quotes")
    return values, directory, False


def hardware(n):
    """n bytes of the machine's own randomness, or None where the port has none."""
    return os.urandom(n) if hasattr(os, "urandom") else None


def identify(config, suite, directory, tell):
    """Fill in the secrets that the settings may leave out: the member's identity, the channel's key. Raises SealcastError."""
    tell(SUITES.get(suite.NAME, "crypto: " + suite.NAME))
    if config["identity"] is not None and config["key"] is not None:
        return  # as every provisioned board has them: storage is loaded later
    from . import storage

    if config["identity"] is None:
        config["identity"] = storage.identity(suite, directory, hardware, tell)
    if config["identity"] is None:
        raise NoRandomness("this port has no randomness to make an identity from: provision the board with one")
    if config["key"] is None:
        config["key"] = _root(storage, suite, config, directory, tell)


def member(config, suite, directory, clock, transport, tell=None):
    """Completed settings with identity and key -> a Session, not yet started. tell(line): progress for people. Raises SealcastError."""
    tell = tell or (lambda line: None)
    from sealcast.channel import Channel
    from sealcast.run.session import Session

    from . import storage

    store = storage.state(suite, config, directory)
    blob = store.load()
    if store.damaged:
        tell("storage: the stored state cannot be used (other channel, other member, or broken flash); beginning anew")
    try:
        channel = Channel(suite, config, blob, hardware)
    except BadState:  # nobody may be near this board: losing its state is what members recover from by themselves
        tell("storage: the stored state is of another version; beginning anew")
        channel = Channel(suite, config, None, hardware)

    def remake():
        return Channel(suite, config, store.load(), hardware)

    jitter = hardware if hardware(1) else lambda n: suite.h(n, config["identity"], b"", b"sc/jitter")
    return Session(channel, transport, store, clock, jitter, 16, remake)


def ratchet_fits(free, path):
    """Does the ratcheting group fit a board with `free` bytes of heap? path: the core's; one that begins with no slash is frozen."""
    if path.startswith("/rom/"):
        return free >= _IN_ROMFS
    return free >= (_IN_FILES if path.startswith("/") else _IN_FIRMWARE)


def completed(values):
    """settings.complete(); its rules and texts are no longer needed then (rare.py)."""
    settings = rare.load("run.settings")
    try:
        return settings.complete(values)
    finally:
        rare.drop("run.settings")


def transport(suite, config, wifi=None):
    """The way to the broker that the settings name. wifi: what gives the network, if there is one to be waited for."""
    if config["transport"] == "serial":
        from .serialport import Serial, stream

        return Serial(stream(config["serial"]), config["keepalive"], config["serial"]["window"])
    return client(suite, config, wifi)


def client(suite, config, wifi=None):
    """The MQTT client for config["broker"]. Its id is a pseudonym, the same at every connect: the broker then drops a dead one."""
    from .mqtt import Client

    broker = config["broker"]
    name = suite.h(9, config["identity"], b"", b"sc/mqtt-id", config["channel"].encode())
    text = "".join(["%02x" % b for b in name])
    tls = context(broker["ca"]) if broker["tls"] else None
    return Client(broker["host"], broker["port"], "sc" + text, broker["username"], broker["password"], config["keepalive"], tls, wifi)


def context(ca):
    """A TLS context that checks the broker's certificate against the file `ca`; without one it hides, but cannot check."""
    try:
        import tls
    except ImportError:
        raise BadSettings("broker.tls: this MicroPython is built without TLS; give false (messages are sealed all the same)")
    made = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    if ca is None:
        made.verify_mode = tls.CERT_NONE
        return made
    try:
        with open(ca, "rb") as f:
            made.load_verify_locations(_der(f.read()))
    except OSError:
        raise BadSettings("broker.ca: cannot be read; give the path of the broker's CA certificate")
    except ValueError:
        raise BadSettings("broker.ca: is no certificate that this port can read; give it in PEM or DER form")
    return made


def _der(data):
    """The certificate in a PEM or DER file, in DER: not every port reads PEM."""
    if b"-----BEGIN CERTIFICATE-----" not in data:
        return data
    text = data.split(b"-----BEGIN CERTIFICATE-----")[1].split(b"-----END CERTIFICATE-----")[0]
    return a2b_base64(text)


def _root(storage, suite, config, directory, tell):
    def slow():
        tell("password: making the channel's key from it, once; this takes a while (a provisioned board has the key)")

    try:
        return storage.root(suite, config["password"].encode(), config["channel"].encode(), directory, slow)
    except MemoryError:
        raise BadSettings("password: making the key from it does not fit in this board's memory; give the key (`sealcast provision`)")
