"""Which outputs, with what options: from one TOML file, or in short from the command line.

    [output.csv]                 the kind, or any name with a `kind` in it
    path = "readings.csv"
    senders = ["bench-1"]        for every kind: only these members,
    secrecy = ["conversation"]   only these kinds of messages,
    history = false              not what was sent before we joined,
    events = false               messages alone

On the command line: `csv=readings.csv`; a kind alone where all its options have defaults.
"""

import tomllib
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from sealcast_host.errors import UserError
from sealcast_host.gateway.output import Hub, Output
from sealcast_host.gateway.runner import Filter
from sealcast_host.member.privatefiles import reason

# Each is a module of this package: OPTIONS (name -> type), MAIN (the one that stands after =), make(hub, **options).
KINDS = {
    "lines": "JSON lines on standard output; standard input is sent",
    "csv": "a file of comma-separated values",
    "sqlite": "a database with one table",
    "prometheus": "metrics to be scraped",
    "webhook": "a POST for each message",
    "homeassistant": "devices of Home Assistant, over its MQTT broker",
    "web": "a live page on this computer, with plots",
}
_FILTER: dict[str, type] = {"senders": list, "secrecy": list, "history": bool, "events": bool}
_SECRECY = ("note", "conversation", "ratchet")
_WORDS = {str: "a text", bool: "true or false", list: "a list", float: "a number"}


@dataclass
class Wish:
    """One output as it was asked for."""

    name: str
    kind: str
    options: dict[str, Any] = field(default_factory=dict)
    wants: dict[str, Any] = field(default_factory=dict)

    def output(self, hub: Hub) -> Output:
        """The output itself. Raises UserError."""
        made: Output = _module(self.kind).make(hub, **self.options)
        return made

    def filter(self) -> Filter:
        """What it is given."""
        return Filter(**self.wants)


def _module(kind: str) -> ModuleType:
    return import_module(f"sealcast_host.gateway.{kind}")


def from_words(words: list[str]) -> list[Wish]:
    """Outputs as on the command line: KIND or KIND=VALUE. Raises UserError."""
    return [_from_word(word) for word in words]


def _from_word(word: str) -> Wish:
    kind, given, value = word.partition("=")
    module = _module(_known(kind, word))
    if given and module.MAIN is None:
        raise UserError(f"--to {kind}: takes no value")
    return _checked(kind, {"kind": kind} | ({module.MAIN: value} if given else {}))


def from_file(path: Path) -> list[Wish]:
    """Outputs as in a TOML file. Raises UserError."""
    try:
        found = tomllib.loads(path.read_text("utf-8-sig"))
    except OSError as e:
        raise UserError(f"cannot read {path}: {reason(e)}") from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is no text") from None
    except tomllib.TOMLDecodeError as e:
        raise UserError(f"{path}: {e}") from None
    except (ValueError, RecursionError):  # a number of thousands of digits, tables in tables
        raise UserError(f"{path} is too large or too deep: see docs/COOKBOOK.md") from None
    outputs = found.pop("output", {})
    if found:
        raise UserError(f'{path}: there is no "{next(iter(found))}": outputs are tables like [output.csv]')
    if not isinstance(outputs, dict) or not outputs or not all(isinstance(o, dict) for o in outputs.values()):
        raise UserError(f"{path}: it names no output: give tables like [output.csv]")
    return [_checked(name, {"kind": name} | options) for name, options in outputs.items()]


def joined(wishes: list[Wish]) -> list[Wish]:
    """The page's plots begin with what an output sqlite has kept, where none is named."""
    kept = next((wish.options["path"] for wish in wishes if wish.kind == "sqlite"), None)
    for wish in wishes:
        if wish.kind == "web" and kept is not None:
            wish.options.setdefault("history", kept)
    return wishes


def _known(kind: Any, name: str) -> str:
    if not isinstance(kind, str) or kind not in KINDS:
        raise UserError(f'"{name}" is no output: {", ".join(KINDS)}')
    return kind


def _checked(name: str, given: dict[str, Any]) -> Wish:
    """Names and types of all options. Raises UserError, which says which one is wrong."""
    kind = _known(given.pop("kind"), name)
    module = _module(kind)
    allowed = module.OPTIONS | _FILTER
    for key, value in given.items():
        wanted = allowed.get(key)
        if wanted is None:
            raise UserError(f'output {name}: there is no option "{key}": {", ".join(allowed)}')
        if wanted is float and isinstance(value, int) and not isinstance(value, bool):
            continue
        if not isinstance(value, wanted):
            raise UserError(f"output {name}: {key} must be {_WORDS[wanted]}")
        if key in ("senders", "secrecy") and not all(isinstance(v, str) for v in value):
            raise UserError(f"output {name}: {key} must be a list of texts")
    for word in given.get("secrecy", ()):
        if word not in _SECRECY:
            raise UserError(f"output {name}: secrecy is of {', '.join(_SECRECY)}")
    main = module.MAIN
    if main == "path" and not given.get("path") or kind == "webhook" and not given.get("url"):
        raise UserError(f"output {name}: it needs {main}: --to {kind}={'FILE' if main == 'path' else 'URL'}")
    wants = {key: value for key, value in given.items() if key in _FILTER}
    return Wish(name, kind, {key: value for key, value in given.items() if key not in _FILTER}, wants)
