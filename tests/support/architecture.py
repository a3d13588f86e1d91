"""Who imports whom: read from the source of shared/, firmware/node/ and host/, judged, and drawn as
docs/architecture.svg.

    python tests/support/architecture.py        writes the picture

An arrow is solid where a file's top says it, dashed where a function says it (an import, or `load("...")` of rare
code, see shared/sealcast/rare.py). tests/test_architecture.py has the rules.
"""

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = (("shared", "sealcast"), ("firmware", "node"), ("host", "sealcast_host"), ("host", "reference"))
PLUG = "sealcast_platform"  # the one name that is handed in: what a board or a computer is to the core
PICTURE = ROOT / "docs" / "architecture.svg"

# Bottom to top; a package uses those below it and itself. Modules that are named stand on their own.
LAYERS = (
    ("base", "sealcast.compat", "sealcast.errors", "sealcast.wire", "sealcast.effects", "sealcast.journal",
     "sealcast.padding", "sealcast.rare"),
    ("crypto", "sealcast.crypto"),
    ("zpinc", "sealcast.zpinc"),
    ("smmp", "sealcast.smmp"),
    ("channel", "sealcast.channel", "sealcast.sending", "sealcast.state", "sealcast.stored", "sealcast.replay"),
    ("run", "sealcast.run"),
    ("sealcast", "sealcast"),
    ("node", "node"),
    ("reference", "reference"),
    ("host", "sealcast_host"),
    ("member", "sealcast_host.member"),
    ("agent", "sealcast_host.agent"),
    ("boards", "sealcast_host.boards"),
    ("broker", "sealcast_host.broker"),
    ("bridge", "sealcast_host.bridge"),
    ("gateway", "sealcast_host.gateway"),
    ("demo", "sealcast_host.demo"),
    ("hil", "sealcast_host.hil"),
    ("cli", "sealcast_host.cli"),
)
ORDER = [layer[0] for layer in LAYERS]
_MODULES = {name for layer in LAYERS if layer[0] in ("base", "channel") for name in layer[1:]}
PACKAGES = {prefix for layer in LAYERS for prefix in layer[1:]} - _MODULES
ENTRY = ("sealcast_host.__main__",)  # python -m: stands over everything


def modules(sources=SOURCES):
    """{module: its file}."""
    found = {}
    for folder, package in sources:
        for path in sorted((ROOT / folder / package).rglob("*.py")):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            if "_data" not in parts:
                found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def layer(module):
    """The name of the layer of a module: the most exact prefix counts. None where LAYERS has no place for it."""
    best, name = "", None
    for title, *prefixes in LAYERS:
        for prefix in prefixes:
            if (module + ".").startswith(prefix + ".") and len(prefix) > len(best):
                best, name = prefix, title
    if name == "sealcast" and module != "sealcast":
        return None  # a new module on top of shared/ must be given a layer
    return name


class Imports(ast.NodeVisitor):
    """solid, dashed: [(module, line)] in a file; loads: those in its load("..."); computed: lines of other loads;
    foreign: what is none of ours, the plug included."""

    def __init__(self, known, name, path):
        self.known, self.name, self.path = known, name, path
        self.package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        self.solid, self.dashed, self.loads, self.computed, self.foreign = [], [], [], [], []
        self.depth = 0
        self.loaders = {"rare.load", "rare.need"}  # what the file calls the loading of rare code
        self.visit(ast.parse(path.read_text()))

    def _function(self, node):
        self.depth += 1
        self.generic_visit(node)
        self.depth -= 1

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = _function

    def _add(self, module, node):
        if module in self.known:
            (self.dashed if self.depth else self.solid).append((module, node.lineno))
        else:
            self.foreign.append((module, node.lineno))

    def visit_Import(self, node):
        for alias in node.names:
            self._add(alias.name, node)

    def visit_ImportFrom(self, node):
        base = self.package.split(".")
        start = base[: len(base) - node.level + 1] if node.level else []
        base = ".".join(start + ([node.module] if node.module else []))
        for alias in node.names:
            inside = base + "." + alias.name
            if base == "sealcast.rare":
                self.loaders |= {alias.name} & {"load", "need"}
            self._add(inside if inside in self.known else base, node)

    def visit_If(self, node):
        """What stands under TYPE_CHECKING is not run."""
        if ast.unparse(node.test).endswith("TYPE_CHECKING"):
            for child in node.orelse:
                self.visit(child)
        else:
            self.generic_visit(node)

    def visit_Call(self, node):
        called = ast.unparse(node.func)
        if called in self.loaders:
            for argument in node.args:
                if isinstance(argument, ast.Constant):
                    module = "sealcast." + argument.value
                    self.loads.append((module, node.lineno))
                    self.dashed.append((module, node.lineno))
                else:
                    self.computed.append(node.lineno)
        self.generic_visit(node)


def graph(sources=SOURCES):
    """{module: Imports}"""
    known = modules(sources)
    return {name: Imports(known, name, path) for name, path in known.items()}


def rare(found):
    """The modules that are loaded when they are needed: those that a load("...") names."""
    return {module for imports in found.values() for module, _ in imports.loads}


def circles(edges):
    """edges: {node: set of nodes}. -> those on a circle or between two, sorted."""
    left = {node: set(used) - {node} for node, used in edges.items()}
    while done := [node for node, used in left.items() if not used & left.keys()]:
        for node in done:
            del left[node]
    while done := [node for node in left if not any(node in used for used in left.values())]:
        for node in done:
            del left[node]
    return sorted(left)


def between_layers(found):
    """{(layer, layer below): is there a solid arrow?}"""
    arrows = {}
    for name, imports in found.items():
        if name in ENTRY:
            continue
        for solid, edges in ((True, imports.solid), (False, imports.dashed)):
            for used, _ in edges:
                pair = layer(name), layer(used)
                if pair[0] != pair[1]:
                    arrows[pair] = arrows.get(pair, False) or solid
    return arrows


# --- the picture

WHAT = {
    "base": "what everything stands on",
    "crypto": "arithmetic: three suites that agree, keys, signing",
    "zpinc": "members, notes, handshakes, conversations",
    "smmp": "the ratcheting group, private messages",
    "channel": "one member as a state machine; its stored state",
    "run": "what drives it: session, link, storage, settings",
    "sealcast": "join: the front door",
    "node": "a board: boot, radio, serial port, sensors",
    "reference": "the protocol once more",
    "host": "errors, terminal",
    "member": "a computer as a member",
    "agent": "holds members, lends them",
    "boards": "flash, provision, examine",
    "broker": "a broker of our own",
    "bridge": "boards on serial ports",
    "gateway": "hands messages on",
    "demo": "everything in one run",
    "hil": "a board judged over its serial port",
    "cli": "one verb a file",
}
FIRMWARE, SHARED, HOST = "#e7f5ff", "#fff4e6", "#ebfbee"
# layer -> column, row (from the top), width in columns
PLACES = {
    "cli": (0, 0, 2), "demo": (2, 0, 1), "hil": (0, 1, 1.8), "gateway": (2, 1, 1), "reference": (0, 2, 1),
    "bridge": (1, 2, 1), "broker": (2, 2, 1), "boards": (1, 3, 1), "agent": (2, 3, 1), "member": (1, 4, 2),
    "host": (0, 4, 1), "node": (4, 2, 2), "sealcast": (3, 3, 1), "run": (4, 5, 2), "channel": (0, 5, 3),
    "smmp": (0, 6, 3), "zpinc": (0, 7, 3), "crypto": (0, 8, 3), "base": (0, 9, 6),
}  # fmt: skip
COLUMN, ROW, HIGH, GAP = 158, 100, 70, 14  # pixels


def down(pair):
    """Does this arrow between layers go down?"""
    return ORDER.index(pair[1]) < ORDER.index(pair[0])


LEGEND = (
    "An arrow: uses. Solid: from the start; dashed: inside a function. Left out where a longer way says it.",
    "In italics: rare code, loaded when it is needed and dropped when it was idle (rare.py).",
    "sealcast.join takes what it needs from the module " + PLUG + ", which node and host put beside it.",
)


def reduced(arrows):
    """Without the arrows that a longer way down says, too."""
    below = {}
    for above, under in filter(down, arrows):
        below.setdefault(above, set()).add(under)

    def reaches(start, goal, first):
        todo, seen = [n for n in below.get(start, ()) if n != first], set()
        while todo:
            node = todo.pop()
            if node == goal:
                return True
            if node not in seen:
                seen.add(node)
                todo += below.get(node, ())
        return False

    return {pair: solid for pair, solid in arrows.items() if not reaches(pair[0], pair[1], pair[1])}


def _box(name):
    column, row, wide = PLACES[name]
    return 20 + column * COLUMN, 48 + row * ROW, wide * COLUMN - GAP, HIGH


def _lines(words, wide):
    out = [""]
    for word in words:
        if len(out[-1]) + len(word) + 2 > wide / 4.9:
            out.append("")
        out[-1] += (", " if out[-1] else "") + word
    return out


def _arrow(above, under, solid):
    """From the lower edge of one box to the upper edge of the other, or from side to side in one row."""
    x, y, w, h = _box(above)
    x2, y2, w2, h2 = _box(under)
    if y2 > y:
        middle = min(max(x + w / 2, x2 + 14), x2 + w2 - 14)
        start = (min(max(middle, x + 14), x + w - 14), y + h)
        end = (min(max(start[0], x2 + 14), x2 + w2 - 14), y2 - 2)
    else:
        right = x2 > x
        start = (x + w if right else x, y + h / 2)
        end = (x2 - 2 if right else x2 + w2 + 2, y2 + h2 / 2)
    dash = "" if solid else ' stroke-dasharray="5 4"'
    colour = "#495057" if down((above, under)) else "#e03131"
    return '<path d="M%.0f %.0fL%.0f %.0f" stroke="%s"%s marker-end="url(#to)"/>' % (*start, *end, colour, dash)


def svg(found):
    """The picture as text."""
    arrows, loaded = reduced(between_layers(found)), rare(found)
    width = 40 + 6 * COLUMN - GAP
    height = 48 + 10 * ROW + 40
    out = [
        '<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d"' % (width, height),
        ' font-family="sans-serif" font-size="11">',
        '<defs><marker id="to" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#495057"/></marker></defs>',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
    ]
    for title, column, row in (("host/", 0, 0), ("firmware/node/", 4, 2), ("shared/sealcast/", 0, 5)):
        place = 20 + column * COLUMN, 38 + row * ROW
        out.append('<text x="%d" y="%d" font-size="15" font-weight="bold">%s</text>' % (*place, title))
    for (above, under), solid in sorted(arrows.items()):
        out.append(_arrow(above, under, solid))
    for name in ORDER:
        x, y, w, h = _box(name)
        fill = FIRMWARE if name == "node" else SHARED if ORDER.index(name) < ORDER.index("node") else HOST
        size = (x, y, w, h, fill)
        out.append('<rect x="%.0f" y="%.0f" width="%d" height="%d" rx="5" fill="%s" stroke="#868e96"/>' % size)
        out.append('<text x="%.0f" y="%.0f" font-size="13" font-weight="bold">%s</text>' % (x + 9, y + 18, name))
        named = [m.rpartition(".")[2] for m in sorted(found) if layer(m) == name and m not in PACKAGES]
        steady = [m for m in named if not any(r.endswith("." + m) and layer(r) == name for r in loaded)]
        comes = [m for m in named if m not in steady]
        out.append('<text x="%.0f" y="%.0f" fill="#495057">%s</text>' % (x + 9, y + 34, WHAT[name]))
        if ORDER.index(name) < ORDER.index("reference"):
            lines = [(text, "") for text in _lines(steady, w - 18)]
            lines += [(text, ' font-style="italic" fill="#a61e4d"') for text in _lines(comes, w - 18) if text]
            for i, (text, look) in enumerate(lines):
                out.append('<text x="%.0f" y="%.0f" font-size="10"%s>%s</text>' % (x + 9, y + 48 + 12 * i, look, text))
    for i, text in enumerate(LEGEND):
        out.append('<text x="20" y="%d">%s</text>' % (height - 40 + 16 * i, text))
    return "\n".join(out) + "\n</svg>\n"


if __name__ == "__main__":
    PICTURE.write_text(svg(graph()))
    sys.stdout.write(f"wrote {PICTURE.relative_to(ROOT)}\n")
