"""The Containerfile's text: known instructions, sources that are there, nobody is root, what it installs exists as an
extra. Its build is untried."""

import json
import re
import shutil
import subprocess
import sysconfig
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
KNOWN = {"FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "VOLUME", "EXPOSE", "ENTRYPOINT", "CMD"}


def instructions():
    text = re.sub(r"\\\n", " ", (ROOT / "Containerfile").read_text())
    return [line.split(None, 1) for line in text.splitlines() if line.strip() and not line.startswith("#")]


def test_it_is_well_formed_and_names_what_is_there():
    lines = instructions()
    assert {word for word, _ in lines} == KNOWN
    assert lines[0][0] == "FROM" and all(":" in rest.split()[0] for word, rest in lines if word == "FROM")
    for word, rest in lines:
        if word == "COPY" and not rest.startswith("--from"):
            for source in rest.split()[:-1]:
                assert (ROOT / source).exists(), source
        if word in ("ENTRYPOINT", "CMD"):
            assert isinstance(json.loads(rest), list)
    extras = set(re.search(r"\.\[([\w,]+)\]", (ROOT / "Containerfile").read_text())[1].split(","))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert extras <= set(project["optional-dependencies"])


HADOLINT = shutil.which("hadolint", path=sysconfig.get_path("scripts"))


@pytest.mark.skipif(HADOLINT is None, reason="hadolint has no package for this machine")
def test_a_linter_finds_nothing():
    done = subprocess.run([HADOLINT, "--no-color", ROOT / "Containerfile"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "")


def test_nobody_is_root_and_no_secret_is_built_in():
    last = max(i for i, (word, _) in enumerate(instructions()) if word == "FROM")
    users = [rest for word, rest in instructions()[last:] if word == "USER"]
    assert users == ["10001"]
    runs = " ".join(rest for word, rest in instructions() if word == "RUN")
    assert "rm -rf /var/lib/apt/lists" in runs and "--no-cache-dir" in runs
    assert not re.search(r"(?i)password|secret|token", " ".join(rest for _, rest in instructions()))
