"""Does a board's bundle say what the sources say? The texts that host/sealcast_host/boards/merge.py makes beside the
sources, by rules for names that are its own: nothing here is of that package.

Each statement at the top of a source has its counterpart in a file of the bundle, in the source's order, or is an
import, a constant or a docstring. Both trees are walked side by side. What stands at the same place must be

- a local name on both sides, the same one, of the same function around it; or
- something global or imported that comes from the same definition, whatever either side calls it; or
- a constant in the source, and in the bundle the value that Python finds in the source's module; or
- a text in the source, and in the bundle long_text(n) for its place in sealcast.texts; or
- equal.

Besides: what a file needs while it is imported stands before that; and the file of a part names what the part had. Not
seen: shorter names (names.py), and attributes of what no import names (asked.py).
"""

import ast
import builtins

from bundle_names import COMPREHENSIONS, DEFINED, FUNCTIONS, IMPORTS, Side, Texts, bound, outside, own

TEXTS = "sealcast.texts"
LONG_TEXT = ("defined", "sealcast.rare", "long_text")
CONST = ("python", "const")  # mpy-cross knows it


def differences(sources, bundle, groups, value):
    """What the bundle says otherwise, a line each. sources, bundle: module -> text; groups: head -> its parts, in one
    string; value(module, name): what Python has there."""
    heads = {part: head for head, parts in groups.items() for part in (*parts.split(), head)}
    both = Comparison(Texts(sources), Texts(bundle), heads, value)
    pairs = []
    for file in sources:
        if heads.get(file, file) == file:
            pairs += both.counterparts(file, [name for name in sources if heads.get(name, name) == file])
            both.order(file)
    for module, file, a, b in pairs:
        both.names(module, file, a, b)
    for module, file, a, b in pairs:
        both.pair(a, b, Side(both.source, module), Side(both.bundle, file))
    for part in sources:
        if heads.get(part, part) != part:
            both.file_of_a_part(part)
    return both.found


def target(statement):
    """The name of `name = ...`."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1 and isinstance(statement.targets[0], ast.Name):
        return statement.targets[0].id
    return None


def without_docstring(body):
    first = body[0] if body else None
    text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    return body[1:] if text else body


def statements(tree):
    """At the top of a file: without what is imported, and without what makes or lists names for CPython only."""
    body = [s for s in without_docstring(tree.body) if not isinstance(s, (*IMPORTS, ast.Pass))]
    return [s for s in body if not (isinstance(s, ast.Try) and "const" in names_at(s)) and target(s) != "__all__"]


def names_at(statement):
    """What it binds or imports."""
    imported = [a.asname or a.name for node in own([statement]) if isinstance(node, IMPORTS) for a in node.names]
    return [*bound([statement]), *imported]


class Comparison:
    """found: the differences; was: (file, name in it) -> (module, name in its source)."""

    def __init__(self, source, bundle, heads, value):
        self.source, self.bundle, self.heads, self.value = source, bundle, heads, value
        self.found, self.was = [], {}
        self.texts = ast.literal_eval(bundle.trees[TEXTS].body[0].value)
        self.at = "", ""

    def differ(self, why, *nodes):
        texts = [(n.lineno, ast.unparse(n).split("\n")[0][:120]) if isinstance(n, ast.AST) else n for n in nodes]
        self.found.append(f"{self.at[0]} in {self.at[1]}: {why}: {' | '.join(map(str, texts))}")

    def counterparts(self, file, parts):
        """[(module, file, statement of it, statement of the file)]"""
        self.at, pairs = (file, file), []
        left = {part: statements(self.source.trees[part]) for part in parts}
        made = statements(self.bundle.trees[file])
        if file in self.heads:  # the first line names the most used names, and does nothing
            line = made.pop(0)
            if not ast.unparse(line).startswith("[] and ("):
                self.differ("no line of names", line)
        for statement in made:
            if file == LONG_TEXT[1] and bound([statement]) == [LONG_TEXT[2]]:
                continue
            best = max((c for part in parts for c in _candidates(part, left[part], statement)), default=None)
            if best is None:
                self.differ("of no source", statement)
                continue
            _, part, at = best
            pairs.append((part, file, left[part][at], statement))
            left[part] = left[part][at + 1 :]
        for part in parts:
            for statement in left[part]:
                if target(statement) is None:
                    self.differ("missing", part, statement)
        return pairs

    def names(self, module, file, a, b):
        """Both bind the same, each name one of its own."""
        self.at = module, file
        before, after = bound([a]), bound([b])
        if len(before) != len(after):
            self.differ("binds", a, b)
        for old, new in zip(before, after, strict=False):
            if self.was.setdefault((file, new), (module, old)) != (module, old):
                self.differ("one name for two things", new, self.was[file, new], (module, old))

    def order(self, file):
        """What a file needs while it is imported stands before."""
        self.at, there = (file, file), {*dir(builtins), "const", "__name__", "__file__"}
        for statement in self.bundle.trees[file].body:
            for name in _needed(statement, set()):
                if name not in there | set(bound([statement]) if not isinstance(statement, DEFINED) else ()):
                    self.differ("used before it is there", name, statement)
            there |= {name.split(".")[0] for name in names_at(statement)}

    def file_of_a_part(self, part):
        self.at = part, part
        for name in self.source.globals[part]:
            origin = self.source.origin(part, name)
            if origin == {("defined", part, name)}:
                there = self.bundle.origin(part, name)
                gone = name.startswith("_") and there == {("python", name)}
                constant = there == {("defined", part, name)}
                if constant:
                    self._constant(part, name, self._assigned(part, name))
                elif not gone and self._back(there) != origin:
                    self.differ("another thing in the file of a part", name, sorted(there))

    def _assigned(self, part, name):
        return next(s.value for s in self.bundle.trees[part].body if target(s) == name)

    def _back(self, origins):
        """What the bundle has, as the sources call it."""
        return {("defined", *self.was.get(o[1:], ("?", *o[1:]))) if o[0] == "defined" else o for o in origins}

    def _same(self, before, after, a, b):
        after = self._back(after)
        if before != after:
            of_heads = {("module", self.heads.get(o[1], o[1])) if o[0] == "module" else o for o in before}
            if of_heads != after:
                self.differ(f"{sorted(before)} became {sorted(after)}", a, b)

    def _constant(self, module, name, node):
        value, there = self.value(module, name), ast.literal_eval(node)
        if (module, name) in self.source.said_global or type(value) is not type(there) or value != there:
            self.differ(f"{name} is {value!r}", node)

    def pair(self, a, b, sa, sb):
        """Two nodes at the same place."""
        self.at = sa.module, sb.module
        before, after = sa.what(a), sb.what(b)
        if before is not None and isinstance(b, ast.Constant):
            kind, *where = next(iter(before))
            if len(before) > 1 or kind != "defined":
                return self.differ("a constant", a, b)
            return self._constant(*where, b)
        if isinstance(a, ast.Constant) and isinstance(b, ast.Call):
            if sb.what(b.func) != {LONG_TEXT} or self.texts[b.args[0].value] != a.value:
                self.differ("another text", a, b)
            return None
        if before is not None and after is not None:
            if type(a.ctx) is not type(b.ctx):
                self.differ("context", a, b)
            if not (after == {CONST} and ("foreign", "micropython.const") in before):
                self._same(before, after, a, b)
            return None
        if type(a) is not type(b) or before is not after:
            return self.differ("another kind", a, b)
        if isinstance(a, (*FUNCTIONS, ast.Lambda)):
            return self._function(a, b, sa, sb)
        if isinstance(a, ast.ClassDef):
            return self._class(a, b, sa, sb)
        if isinstance(a, COMPREHENSIONS):
            return self._comprehension(a, b, sa, sb)
        if isinstance(a, ast.Global):
            return self._global(a, b, sa, sb)
        if isinstance(a, ast.Constant) and (type(a.value) is not type(b.value) or a.value != b.value):
            return self.differ("another value", a, b)
        for field in a._fields:
            if field not in ("type_comment", "kind", "value" if isinstance(a, ast.Constant) else ""):
                self._field(getattr(a, field, None), getattr(b, field, None), sa, sb, a, b)
        return None

    def _field(self, x, y, sa, sb, a, b):
        if isinstance(x, list) and x + y and isinstance((x + y)[0], ast.stmt):
            self._block(x, y, sa, sb, a, b)
        elif isinstance(x, list):
            if len(x) != len(y):
                return self.differ("more or less", a, b)
            for p, q in zip(x, y, strict=True):
                self._field(p, q, sa, sb, a, b)
        elif isinstance(x, ast.AST) and isinstance(y, ast.AST):
            self.pair(x, y, sa, sb)
        elif x != y:
            self.differ("not equal", a, b)
        return None

    def _block(self, x, y, sa, sb, a, b):
        """Statements. What is imported of ours is compared where it is used."""
        foreign = []
        for body, side in ((x, sa), (y, sb)):
            pairs = [pair for s in body for pair in side.texts.imported(side.module, s) if pair[1][0] == "foreign"]
            foreign.append(sorted((name if side.around else "", origin) for name, origin in pairs))
        if foreign[0] != foreign[1]:
            self.differ(f"imports {foreign}", a, b)
        x, y = ([s for s in body if not isinstance(s, (*IMPORTS, ast.Pass))] for body in (x, y))
        if len(x) != len(y):
            return self.differ("more or less statements", a, b)
        for p, q in zip(x, y, strict=True):
            self.pair(p, q, sa, sb)
        return None

    def _function(self, a, b, sa, sb):
        self._name(a, b, sa, sb)
        self._field(outside(a), outside(b), sa, sb, a, b)
        if _arguments(a.args) != _arguments(b.args):
            self.differ("arguments", a, b)
        if isinstance(a, ast.Lambda):
            return self.pair(a.body, b.body, sa.function(a, [a.body]), sb.function(b, [b.body]))
        body = without_docstring(a.body)
        inner = sa.function(a, body), sb.function(b, b.body)
        if inner[0].locals() != inner[1].locals() or inner[0].nonlocals != inner[1].nonlocals:
            self.differ(f"local names {inner[0].locals() ^ inner[1].locals()}", a, b)
        return self._block(body, b.body, *inner, a, b)

    def _class(self, a, b, sa, sb):
        self._name(a, b, sa, sb)
        self._field(outside(a), outside(b), sa, sb, a, b)
        if [k.arg for k in a.keywords] != [k.arg for k in b.keywords]:
            self.differ("keywords", a, b)
        x, y = without_docstring(a.body), b.body
        if isinstance(y[0], ast.Delete):  # del __module__, __qualname__
            y = y[1:]
        self._block(x, y, sa.within(body=x, of_class=True), sb.within(body=y, of_class=True), a, b)

    def _name(self, a, b, sa, sb):
        if sa.around is None and not isinstance(a, ast.Lambda):
            self._same(sa.origin(a.name), sb.origin(b.name), a, b)
        elif not isinstance(a, ast.Lambda) and a.name != b.name:
            self.differ("another name", a, b)

    def _comprehension(self, a, b, sa, sb):
        if len(a.generators) != len(b.generators):
            return self.differ("more or less", a, b)
        inner = sa.within(names=_targets(a)), sb.within(names=_targets(b))
        for i, (p, q) in enumerate(zip(a.generators, b.generators, strict=True)):
            self.pair(p.iter, q.iter, *(inner if i else (sa, sb)))
            self.pair(p.target, q.target, *inner)
            self._field(p.ifs, q.ifs, *inner, a, b)
            if p.is_async != q.is_async:
                self.differ("async", a, b)
        for field in ("elt", "key", "value"):
            if hasattr(a, field):
                self.pair(getattr(a, field), getattr(b, field), *inner)
        return None

    def _global(self, a, b, sa, sb):
        if len(a.names) != len(b.names):
            return self.differ("more or less", a, b)
        for old, new in zip(a.names, b.names, strict=True):
            self._same(self.source.origin(sa.module, old), self.bundle.origin(sb.module, new), a, b)
        return None


def _arguments(args):
    return [[a and a.arg for a in every] for every in (args.posonlyargs, args.args, args.kwonlyargs)] + [
        a and a.arg for a in (args.vararg, args.kwarg)
    ]


def _targets(comprehension):
    return {n.id for g in comprehension.generators for n in ast.walk(g.target) if isinstance(n, ast.Name)}


def _candidates(part, left, statement):
    """[(how alike, part, place in `left`)]: the next of a part, or the one behind constants, that binds such names."""
    short = part.rpartition(".")[2]
    new, dumped = bound([statement]), ast.dump(statement)
    for at, source in enumerate(left):
        old = bound([source])
        alike = type(source) is type(statement) and len(old) == len(new)
        if alike and all(n in (o, f"{short}_{o}") for o, n in zip(old, new, strict=True)):
            other = ast.dump(source)
            if old or other[:60] == dumped[:60]:
                own_names = sum(n.startswith(short + "_") for n in new)
                yield (own_names, other == dumped, -abs(len(other) - len(dumped))), part, at
                return
        if target(source) is None:
            return


def _needed(node, local):
    """Names that are looked up while this is imported."""
    if isinstance(node, (*FUNCTIONS, ast.Lambda)):
        inner = outside(node)
    elif isinstance(node, ast.ClassDef):
        inner = outside(node)
        within = local | set(bound(node.body)) | {"__module__", "__qualname__"}
        for statement in node.body:
            yield from _needed(statement, within)
    else:
        inner = ast.iter_child_nodes(node)
        if isinstance(node, COMPREHENSIONS):
            local = local | _targets(node)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id not in local:
            yield node.id
    for child in inner:
        yield from _needed(child, local)
