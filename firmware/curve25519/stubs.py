#!/usr/bin/env python3
"""Makes the type stubs curve25519.pyi and symcrypto.pyi from the /// lines beside the C of the bindings.

    stubs.py [--check]      --check: only tell whether the files are as they should be
"""

import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
HEAD = '# Made by stubs.py from {source}: change the /// lines there.\n"""{title}"""\n\n'


def stub(module):
    """The text of a module's stub. Raises ValueError where a function has no /// lines or the other way round."""
    source = f"{module}_module.c"
    text = (HERE / source).read_text()
    title = text.splitlines()[0].removeprefix("// ")
    lines = re.findall(r"^/// ?(.*)$", text, re.M)
    described = {m.group(1) for line in lines if (m := re.match(r"def (\w+)\(", line))}
    exported = set(re.findall(r"X\(MP_QSTR_(\w+), \1_obj\)", text))
    if described != exported:
        raise ValueError(f"{source}: exported and described differ in {sorted(described ^ exported)}")
    # A function is its signature and its docstring; nothing else stands in a stub.
    return HEAD.format(source=source, title=title) + "\n".join(lines) + "\n"


def main():
    stale = []
    for source in sorted(HERE.glob("*_module.c")):
        module = source.name.removesuffix("_module.c")
        path, text = HERE / f"{module}.pyi", stub(module)
        if not path.exists() or path.read_text() != text:
            stale.append(path.name)
            if "--check" not in sys.argv:
                path.write_text(text)
    if stale and "--check" in sys.argv:
        sys.exit(f"out of date: {', '.join(stale)}; run firmware/curve25519/stubs.py")


if __name__ == "__main__":
    main()
