"""What is kept of a bundle's making (host/sealcast_host/boards/kept.py): it is never another's, and never a part."""

import json
import shutil
from pathlib import Path

import pytest

from sealcast_host.boards import kept, merge, names, shipped


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    """A user whose cache is empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    forget()
    yield tmp_path / "cache" / "sealcast" / "boards"
    monkeypatch.undo()
    forget()


def forget():
    """As another process would begin."""
    kept._digest.cache_clear()
    for made in (merge.merged, names.short_names, names.own_names):
        made.cache_clear()


def test_what_was_made_before_is_what_would_be_made(cache):
    first = merge.merged(), names.short_names(), names.own_names()
    assert len(list(cache.iterdir())) == 3
    for path in cache.iterdir():
        assert json.loads(path.read_text()) in first
    forget()
    assert (merge.merged(), names.short_names(), names.own_names()) == first
    assert (merge._merged(), names._short_names(), names._own_names()) == first


def test_it_is_taken_where_it_lies(cache):
    merge.merged()
    (path,) = cache.iterdir()
    path.write_text('{"kept": "this"}')
    forget()
    assert merge.merged() == {"kept": "this"}


@pytest.mark.parametrize("text", ["", '{"sealcast": "', "[]", "\0"])
def test_what_is_not_whole_is_made_again(cache, text):
    made = kept.kept("thing", lambda: {"a": "b"})
    (path,) = cache.iterdir()
    path.write_text(text)
    assert kept.kept("thing", lambda: {"a": "b"}) == made == json.loads(path.read_text())


@pytest.mark.parametrize(
    ("which", "file"),
    [("core_dir", "channel.py"), ("node_dir", "app.py"), ("prebuilt_dir", "rv32imc/symcrypto.mpy"), ("", "xip/mpy.py")],
)
def test_a_change_of_what_it_follows_from_is_seen(monkeypatch, tmp_path, which, file):
    """Of the sources, of the native modules, and of what makes it."""
    if which:
        folder = shutil.copytree(getattr(shipped, which)(), tmp_path / which)
        monkeypatch.setattr(shipped, which, lambda: folder)
    else:
        folder = shutil.copytree(Path(kept.__file__).parent, tmp_path / "boards")
        monkeypatch.setattr(kept, "__file__", str(folder / "kept.py"))
    found = [kept._digest()]
    for _ in range(2):
        with open(folder / file, "ab") as changed:
            changed.write(b"#")
        kept._digest.cache_clear()
        found.append(kept._digest())
    assert len(set(found)) == 3


def test_without_a_place_for_it_all_goes_on(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert kept.kept("thing", lambda: {"a": "b"}) == {"a": "b"}

    def homeless():
        raise RuntimeError

    monkeypatch.setattr(Path, "home", homeless)
    monkeypatch.setenv("XDG_CACHE_HOME", "a/relative/path")
    assert kept.kept("thing", lambda: {"a": "b"}) == {"a": "b"}
