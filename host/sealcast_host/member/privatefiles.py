"""Private files: written atomically, mode 0600, and refused when others may read them."""

import errno
import json
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sealcast_host.errors import UserError
from sealcast_host.member import system

_OTHERS = "or set XDG_CONFIG_HOME and XDG_STATE_HOME to folders of yours"
_TRIAL = 65536  # more than a channel's file and a state's journal have


def config_dir() -> Path:
    """Where channels are kept: $XDG_CONFIG_HOME/sealcast, else ~/.config/sealcast."""
    return _xdg("XDG_CONFIG_HOME", ".config")


def state_dir() -> Path:
    """Where members' sessions are kept: $XDG_STATE_HOME/sealcast, else ~/.local/state/sealcast."""
    return _xdg("XDG_STATE_HOME", ".local/state")


def _xdg(variable: str, fallback: str) -> Path:
    if system.windows():
        from platformdirs import user_data_path

        return user_data_path("sealcast", appauthor=False) / ("config" if variable == "XDG_CONFIG_HOME" else "state")
    return xdg(variable, fallback) / "sealcast"


def xdg(variable: str, fallback: str) -> Path:
    """The folder that this variable of the XDG specification names (a relative path is to be ignored), else that below
    the user's home. Raises UserError: a container's user, which is a number alone, may have none."""
    value = os.environ.get(variable, "")
    try:
        return Path(value) if os.path.isabs(value) else Path.home() / fallback
    except RuntimeError:
        raise UserError("this user has no home: set HOME to a folder of yours") from None


def make_private_dir(path: Path) -> None:
    """Create `path` (and parents) for this user alone."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as e:
        raise UserError(f"cannot make the directory {path}: {reason(e)}") from None


def write_private(path: Path, text: str, *, replace: bool, show: Callable[[], None] | None = None) -> None:
    """Write `text` with mode 0600, whole or not at all. Without `replace` an existing file is an error. show: called
    when it is written, before it is in its place; when it raises, nothing is."""
    if not path.name:
        raise UserError(f"{path} is a directory: name a file in it")
    data = text.encode()
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(fd, "wb") as f:
                f.write(data)
                f.flush()
                system.synced(f.fileno())
            if show is not None:
                show()
            if replace:
                os.replace(temporary, path)
            else:
                os.link(temporary, path)  # fails when it exists, with no gap in which another could make it
        finally:
            temporary.unlink(missing_ok=True)
        sync_dir(path.parent)
    except FileExistsError:
        raise UserError(f"{path} is there already; it is not overwritten: move it away first") from None
    except OSError as e:
        raise UserError(f"cannot write {path}: {reason(e)}") from None


def sync_dir(path: Path) -> None:
    """The names in it survive a power cut. Raises OSError."""
    if system.windows():
        return  # it opens no directories
    fd = os.open(path, os.O_RDONLY)
    try:
        system.synced(fd)
    finally:
        os.close(fd)


def read_private_text(path: Path, what: str) -> str:
    """The text of a file that only its owner can read. what: it holds, in an error's words; no error holds the text."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        if not system.private(mode):
            raise UserError(f"{path} holds {what} but others may read it (mode {mode:04o}): run chmod 600 {path}")
        return path.read_text("utf-8-sig")  # some editors begin a file with that mark
    except OSError as e:
        raise UserError(f"cannot read {path}: {reason(e)}") from None
    except UnicodeDecodeError:
        raise UserError(f"{path} is not a text file: restore it from a copy") from None


def read_password(path: str) -> str:
    """The first line of a file that only its owner can read; empty when there is none."""
    try:
        where = Path(path).expanduser()
    except RuntimeError:
        raise UserError(f"{path}: nobody has that name here: give the path as ls shows it") from None
    lines = read_private_text(where, "a password").splitlines()
    return lines[0] if lines else ""


def read_private_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file that only its owner can read. The contents never appear in an error."""
    text = read_private_text(path, "keys")
    try:
        value = json.loads(text)
    except json.JSONDecodeError as e:
        raise UserError(
            f"{path} is not valid JSON (line {e.lineno}, column {e.colno}): mend it or restore a copy"
        ) from None
    except (ValueError, RecursionError):
        raise UserError(f"{path} is not valid JSON (nested too deeply, or a number too long): restore a copy") from None
    if not isinstance(value, dict):
        raise UserError(f"{path} must hold one JSON object: restore it from a copy")
    return value


def reason(error: OSError) -> str:
    """The system's words for what failed, without the path (the caller names it); the way out where it is one of
    Sealcast's own files, and this user may not use it."""
    text = (error.strerror or type(error).__name__).lower()
    if error.errno in (errno.EACCES, errno.EPERM) and isinstance(error.filename, str):
        text += way_back(Path(error.filename))
    return text


def way_back(path: Path) -> str:
    """Behind an error: how this user gets a file or folder of Sealcast's back, which `sudo sealcast ...` has left here
    as root's, or whose mode was changed. Nothing for other files, and where it is not that."""
    ours = next((folder for folder in (config_dir(), state_dir()) if path.is_relative_to(folder)), None)
    if ours is None or system.me() is None:
        return ""
    home = Path(os.path.expanduser("~"))
    for place in (path, *path.parents):
        inside = place.is_relative_to(ours)
        if not inside and (place == home or not place.is_relative_to(home)):
            break  # the system's
        try:
            found = place.stat()
        except OSError:  # not there, or below a folder that we may not look into
            continue
        if found.st_uid != system.me():
            return f"; it is another user's (was it sudo?): sudo chown -R $USER {_quoted(ours if inside else place)}"
        if not found.st_mode & stat.S_IRUSR or not found.st_mode & stat.S_IWUSR:
            return f"; give yourself the right to it: chmod -R u+rwX {_quoted(place)}"
    return ""


def _quoted(path: Path) -> str:
    import shlex  # of those whose folder is another's alone

    return shlex.quote(str(path))


def files_in(folder: Path) -> list[Path]:
    """What is in a folder of ours, sorted; [] where there is none. Raises UserError."""
    try:
        return sorted(folder / name for name in os.listdir(folder))
    except FileNotFoundError:
        return []
    except OSError as e:
        raise UserError(f"cannot read {folder}: {reason(e)}") from None


def is_there(path: Path) -> bool:
    """Raises UserError where nobody can say."""
    try:
        path.stat()
    except PermissionError as e:
        raise UserError(f"cannot read {path}: {reason(e)}") from None
    except OSError as e:
        if e.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            raise
        return False
    return True


def not_writable(folder: Path) -> str:
    """Why nothing can be kept in a folder of ours, which need not be there yet; "" when all is well."""
    trial = folder / f".trial.{secrets.token_hex(4)}"
    try:
        try:
            fd = os.open(trial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(fd, "wb") as f:
                f.write(bytes(_TRIAL))
                f.flush()
                system.synced(f.fileno())
        finally:
            trial.unlink(missing_ok=True)
    except FileNotFoundError:
        above = next(parent for parent in folder.parents if parent.is_dir())
        if os.access(above, os.W_OK | os.X_OK):
            return ""
        return f"nothing can be made in {above}" + (way_back(above) or f"; give yourself the right to it ({_OTHERS})")
    except OSError as e:
        return reason(e)
    return ""
