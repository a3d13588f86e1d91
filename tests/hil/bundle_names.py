"""Where a name of a source, or of a file of a board's bundle, comes from: for bundle_compare.py."""

import ast
from collections import defaultdict
from functools import lru_cache

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
DEFINED = (*FUNCTIONS, ast.ClassDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
IMPORTS = (ast.Import, ast.ImportFrom)

parse = lru_cache(maxsize=None)(ast.parse)


def outside(node):
    """What of a function or class is evaluated where it stands."""
    if isinstance(node, ast.ClassDef):
        return [*node.decorator_list, *node.bases, *(k.value for k in node.keywords)]
    defaults = [*node.args.defaults, *filter(None, node.args.kw_defaults)]
    return defaults if isinstance(node, ast.Lambda) else [*node.decorator_list, *defaults]


def own(nodes):
    """All nodes of one scope, those of scopes within left out."""
    for node in nodes:
        yield node
        if isinstance(node, (*DEFINED, ast.Lambda)):
            yield from own(outside(node))
        elif isinstance(node, COMPREHENSIONS):
            yield from own([node.generators[0].iter])
            yield from (inner.target for inner in ast.walk(node) if isinstance(inner, ast.NamedExpr))
        else:
            yield from own(ast.iter_child_nodes(node))


def binds(node):
    """The name that a node binds in its scope; None: it binds none, or imports them."""
    if isinstance(node, ast.Name):
        return None if isinstance(node.ctx, ast.Load) else node.id
    return node.name if isinstance(node, (*DEFINED, ast.ExceptHandler)) else None


def bound(nodes):
    return [name for name in map(binds, own(nodes)) if name]


class Texts:
    """Modules by name. globals: module -> name -> where it comes from: ("defined", module, name), ("module", module),
    ("foreign", name of somebody else's), ("borrowed", module, name): what that module calls so."""

    def __init__(self, texts):
        self.packages = {name for name in texts if any(other.startswith(name + ".") for other in texts)}
        self.trees = {name: parse(text) for name, text in texts.items()}
        self.globals = {name: defaultdict(set) for name in texts}
        self.said_global = set()
        for module, tree in self.trees.items():
            for node in own(tree.body):
                for name, origin in self.imported(module, node):
                    self.globals[module][name].add(origin)
                if binds(node):
                    self.globals[module][binds(node)].add(("defined", module, binds(node)))
            for node in ast.walk(tree):
                for name in node.names if isinstance(node, ast.Global) else ():
                    self.globals[module][name].add(("defined", module, name))
                    self.said_global.add((module, name))

    def imported(self, module, node):
        """[(name, where it comes from)] of an import."""
        if isinstance(node, ast.Import):
            pairs = [(a.asname, a.name) if a.asname else (a.name.split(".")[0],) * 2 for a in node.names]
            return [(name, ("module" if full in self.trees else "foreign", full)) for name, full in pairs]
        if not isinstance(node, ast.ImportFrom):
            return []
        base, out = node.module or "", []
        if node.level:
            package = (module if module in self.packages else module.rpartition(".")[0]).split(".")
            base = ".".join([*package[: len(package) - node.level + 1], *([base] if base else [])])
        for alias in node.names:
            full = f"{base}.{alias.name}"
            origin = ("borrowed", base, alias.name) if base in self.trees else ("foreign", full)
            out.append((alias.asname or alias.name, ("module", full) if full in self.trees else origin))
        return out

    def origin(self, module, name):
        """Where a global name comes from in the end: a set, of several where a file tries one and then another."""
        found = self.globals[module].get(name)
        return self.final(found) if found else {("python", name)}

    def final(self, origins):
        out = set()
        for origin in origins:
            if origin[0] == "borrowed":
                found = self.globals[origin[1]].get(origin[2])
                out |= self.final(found) if found else {("missing", *origin[1:])}
            else:
                out.add(origin)
        return out


class Side:
    """A scope of a source, or of a file of the bundle. around: the scope around it, as a side; None: it is the file."""

    def __init__(self, texts, module, around=None, names=(), body=(), of_class=False):
        self.texts, self.module, self.around, self.of_class = texts, module, around, of_class
        self.depth = around.depth + 1 if around else 0
        nodes = list(own(body))
        self.imports = defaultdict(set)
        for name, origin in (pair for node in nodes for pair in texts.imported(module, node)):
            self.imports[name].add(origin)
        self.bound = {*names, *filter(None, map(binds, nodes))}  # otherwise than by an import
        self.globals = {name for node in nodes if isinstance(node, ast.Global) for name in node.names}
        self.nonlocals = {name for node in nodes if isinstance(node, ast.Nonlocal) for name in node.names}

    def within(self, **scope):
        return Side(self.texts, self.module, self, **scope)

    def function(self, node, body):
        every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
        return self.within(names=[a.arg for a in every if a], body=body)

    def has(self, name):
        return name in self.bound | set(self.imports) and name not in self.globals | self.nonlocals

    def locals(self):
        """Without what is imported of ours: where it comes from is compared where it is used."""
        ours = {n for n, origins in self.imports.items() if all(kind != "foreign" for kind, *_ in origins)}
        return {name for name in self.bound | set(self.imports) if self.has(name)} - (ours - self.bound)

    def origin(self, name):
        side, first = self, True
        while side.around and name not in side.globals:
            if side.has(name) and (first or not side.of_class):
                imported = name in side.imports and name not in side.bound
                return self.texts.final(side.imports[name]) if imported else {("local", side.depth, name)}
            side, first = side.around, False
        return self.texts.origin(self.module, name)

    def what(self, node):
        """Where a name, or a module's attribute, comes from; None: it is neither."""
        if isinstance(node, ast.Name):
            return self.origin(node.id)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            base = self.origin(node.value.id)
            kind, module, *_ = next(iter(base))
            if len(base) == 1 and kind == "module":
                full = f"{module}.{node.attr}"
                if node.attr in self.texts.globals[module]:
                    return self.texts.origin(module, node.attr)
                return {("module", full) if full in self.texts.trees else ("missing", module, node.attr)}
        return None
