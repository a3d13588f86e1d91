"""Writes package.json, by which MicroPython's package manager installs the node:
`mip.install("github:OWNER/sealcast")`, or `mpremote mip install ./package.json` in a checkout. tests/e2e/test_mip.py
holds it to the source. A mip before 1.25 knows no addresses that begin at the file.

Natives are not in it: mip knows no architectures (`sealcast flash` installs them). main.py goes beside boot.py by hand.
"""

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "package.json"


def package():
    """The text."""
    urls = [["sealcast_platform.py", "firmware/node/sealcast_platform.py"]]
    for source, folder in (("firmware/node", "node"), ("shared/sealcast", "sealcast")):
        for path in sorted((ROOT / source).rglob("*.py")):
            inside = path.relative_to(ROOT / source).as_posix()
            if folder == "sealcast" or inside not in ("main.py", "boot.py", "sealcast_platform.py"):
                if not inside.startswith("crypto/host"):
                    urls.append([f"{folder}/{inside}", f"{source}/{inside}"])
    listed = ",\n".join("    " + json.dumps(pair) for pair in urls)
    return '{\n  "version": "0.1.0",\n  "deps": [],\n  "urls": [\n' + listed + "\n  ]\n}\n"


if __name__ == "__main__":
    FILE.write_text(package())
    print("wrote package.json")
