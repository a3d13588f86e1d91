"""Why a broker does not let us in, or ended the connection: its codes, the system's errors and its own words -> one
LinkError, whose kind leads to the way out (visit.py)."""

import errno
import socket
import ssl
from typing import Any

import aiomqtt
import aiomqtt.exceptions
from paho.mqtt.client import WebsocketConnectionError
from paho.mqtt.reasoncodes import ReasonCode

BASE_SUBSCRIPTIONS = 15  # of a member that nobody else is with; each other one takes one more
_LONGEST = 120  # characters of a broker's own words

# MQTT 5's reason codes; paho shows those of a 3.1.1 CONNACK as the same: 4 as 134, 5 as 135
_UNSUPPORTED = frozenset({154, 155, 162})  # retained messages, QoS, wildcards
_PROTOCOL_ERROR = 130  # paho's word for an answer that is no MQTT
_KINDS = {
    134: "auth", 135: "rights", 142: "taken", 149: "size", 147: "rate", 150: "rate", 151: "quota", 159: "rate",
} | dict.fromkeys(_UNSUPPORTED, "lacks")  # fmt: skip


class LinkError(OSError):
    """The link could not be made or was lost. `kind`: refused, name, auth, rights, tls, size, rate, quota, lacks,
    taken, shut, cut, timeout, lost, full (the channel is) or left (behind)."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(errno.ENOTCONN, text)
        self.kind = kind

    def __str__(self) -> str:
        return str(self.strerror)


def words(properties: Any) -> str:
    """The reason that a broker gives in words of its own (MQTT 5), fit for a line; "" for none."""
    text = str(getattr(properties, "ReasonString", ""))
    shown = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return shown if len(shown) <= _LONGEST else shown[:_LONGEST] + "..."


def ended(reason: ReasonCode | None, said: str, unheard: bool) -> LinkError:
    """How a connection that stood has ended. reason: of the broker's DISCONNECT, None without one; unheard: it had
    acknowledged none of our publishes, and one was under way."""
    if reason is not None and reason.value == 142:
        return LinkError("taken", f"another connection took this one's place{_quoted(said)}")
    if reason is not None and (reason.is_failure or said):
        kind = _KINDS.get(reason.value, "lost")
        return LinkError(kind, f"the broker ended the connection: {str(reason).lower()}{_quoted(said)}")
    if unheard:
        return LinkError("cut", "the broker hung up instead of acknowledging what this member published")
    return LinkError("lost", "the link to the broker was lost")


def not_subscribed(code: int, said: str, accepted: int) -> LinkError:
    """A SUBACK that says no. code: 128 (MQTT 3.1.1 has no other) or one of MQTT 5; accepted: how many it took
    before."""
    if code == 162:
        return LinkError("lacks", f"the broker refused the subscription: no wildcards{_quoted(said)}")
    if code == 151 or accepted and code in (128, 131):
        return LinkError("quota", f"this broker allows too few subscriptions a client: {few(accepted)}{_quoted(said)}")
    return LinkError("rights", f"the broker refused the subscription{_quoted(said)}")


def few(accepted: int) -> str:
    """How many subscriptions were taken, beside how many it needs."""
    return f"{accepted} were accepted, needed are {BASE_SUBSCRIPTIONS} and one for each other member"


def explain(error: BaseException, said: str = "") -> LinkError:
    """aiomqtt's error of a connection that was not made -> LinkError. It hides the system's error behind its own; that
    one says what to do."""
    if isinstance(error, aiomqtt.exceptions.MqttConnectError):
        return _not_let_in(error.rc, said)
    cause = error.__context__ if error.__cause__ is None else error.__cause__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return LinkError("tls", f"the broker's certificate is not trusted: {cause.verify_message}")
    if isinstance(cause, ssl.SSLError):
        return LinkError("tls", "no TLS connection: does the broker speak TLS on this port?")
    if isinstance(cause, socket.gaierror) or isinstance(error, UnicodeError):
        return LinkError("name", "no such host")
    if isinstance(cause, ConnectionRefusedError):
        return LinkError("refused", "nothing listens there")
    if isinstance(cause, WebsocketConnectionError):
        return LinkError("timeout", "no WebSocket there, or none for MQTT")
    if isinstance(error, aiomqtt.MqttCodeError) and getattr(error.rc, "value", 0) == _PROTOCOL_ERROR:
        return LinkError("timeout", "what answers there is no MQTT broker")
    if isinstance(error, aiomqtt.MqttCodeError) or isinstance(cause, ConnectionResetError | BrokenPipeError):
        return LinkError("shut", "it hung up instead of letting us in")
    if isinstance(cause, OSError) and not isinstance(cause, TimeoutError):
        return LinkError("refused", (cause.strerror or "no connection").lower())
    return LinkError("timeout", "no answer: is it an MQTT broker?")


def _not_let_in(code: int | ReasonCode | None, said: str) -> LinkError:
    """A CONNACK that says no."""
    value = getattr(code, "value", code)
    kind = _KINDS.get(value, "refused") if isinstance(value, int) else "refused"
    if kind == "auth":
        return LinkError("auth", f"the broker refused the user name or password{_quoted(said)}")
    if kind == "rights":
        text = f"not allowed here: wrong user or password, or no rights to its topics{_quoted(said)}"
        return LinkError("rights", text)
    if kind == "size":
        return LinkError("size", f"it takes only messages too small for Sealcast{_quoted(said)}")
    name = str(code).lower() if isinstance(code, ReasonCode) else f"code {value}"
    return LinkError(kind, f"the broker refused the connection ({name}){_quoted(said)}")


def _quoted(said: str) -> str:
    return f' (it says "{said}")' if said else ""
