#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares the exported functions and struct layouts of the built library with the table in tests/house/abi.

abi.py [--source DIR] [--build DIR] [--accept]

libabigail's abidw reads them from the library's debug information.  The table names the types instead of numbering
them, is sorted, and does not name source files, so that a small change of the interface changes few lines of the table.
abidiff compares the tables.
--accept writes the table.  Exit 0: equal, 1: different, 77: this machine cannot compare."""
import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from xml.sax.saxutils import escape

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from header import Header  # noqa: E402

TABLE = "tests/house/abi/libgoldpan.xml"
OLDEST = (2, 2)  # oldest supported version of libabigail, which is in Debian 12
ABIDW = ["abidw", "--drop-private-types", "--exported-interfaces-only", "--no-corpus-path", "--no-comp-dir-path",
         "--no-elf-needed", "--no-show-locs", "--no-parameter-names", "--type-id-style", "hash"]
# --harmless: without this option abidiff hides changes such as a new enumerator.
ABIDIFF = ["abidiff", "--harmless", "--no-show-locs", "--no-corpus-path"]
FORMAT = "2.1"  # format version of the table: abidw of Debian 12 writes this version, and later versions can read it
ORDER = "function-decl class-decl union-decl enum-decl typedef-decl function-type".split()
# The attributes of each element that the table keeps.  Versions of abidw differ in the other attributes that they
# write.
KEPT = {
    "elf-symbol": "name type is-defined",
    "function-decl": "name elf-symbol-id",
    "var-decl": "name type-id elf-symbol-id",
    "parameter": "type-id is-variadic",
    "class-decl": "name size-in-bits is-struct is-declaration-only is-anonymous naming-typedef-id id",
    "union-decl": "name size-in-bits is-declaration-only is-anonymous naming-typedef-id id",
    "enum-decl": "name is-declaration-only is-anonymous naming-typedef-id id",
    "data-member": "layout-offset-in-bits",
    "enumerator": "name value",
    "array-type-def": "dimensions type-id size-in-bits id",
    "subrange": "length type-id id",
    "qualified-type-def": "type-id const volatile restrict id",
    "type-decl": "name size-in-bits is-anonymous id",
}
KEPT_OF_OTHERS = "name type-id id"
EMPTY = "<abi-corpus version='%s'/>" % FORMAT


class Skip(Exception):
    pass


def check_machine():
    """Raises Skip with the reason why this machine cannot compare."""
    if platform.machine() not in ("x86_64", "AMD64") or sys.maxsize < 2 ** 32:
        raise Skip("the table is for x86-64")
    if not (shutil.which("abidw") and shutil.which("abidiff")):
        raise Skip("abidw and abidiff (package abigail-tools) are not installed")
    said = subprocess.run(["abidw", "--version"], capture_output=True, text=True)
    version = re.search(r"(\d+)\.(\d+)", said.stdout + said.stderr)
    if not version or tuple(map(int, version.groups())) < OLDEST:
        raise Skip("libabigail is older than %d.%d" % OLDEST)


def name_types(types):
    """Returns {id: name in C}, such as "gp_report*" or "char const*"; a struct is "struct gp_report"."""
    names = {}

    def name(key):
        if key not in names:
            names[key] = spell(types[key]) if key in types else key
        return names[key]

    def spell(node):
        tag, inner = node.tag, node.get("type-id")
        if tag == "pointer-type-def":
            return name(inner) + "*"
        if tag == "qualified-type-def":
            return name(inner) + "".join(" " + q for q in ("const", "volatile", "restrict") if node.get(q) == "yes")
        if tag == "array-type-def":
            return name(inner) + "".join("[%s]" % s.get("length") for s in node.findall("subrange"))
        if tag == "function-type":
            return "%s(%s)" % (name(node.find("return").get("type-id")),
                               ",".join(name(p.get("type-id")) for p in node.findall("parameter")))
        word = {"class-decl": "struct ", "union-decl": "union ", "enum-decl": "enum "}.get(tag, "")
        return word + (node.get("name") or "")

    for key in types:
        name(key)
    return names


def write(node, names, depth, lines):
    attributes = []
    for key in KEPT.get(node.tag, KEPT_OF_OTHERS).split():
        value = node.get(key)
        if value is None:
            continue
        if node.tag == "subrange" and key == "id":
            value = "[%s]" % node.get("length")
        elif key == "id" or key.endswith("-id"):
            value = names.get(value, value)
        attributes.append(" %s='%s'" % (key, escape(value, {"'": "&apos;"})))
    start = "  " * depth + "<" + node.tag + "".join(attributes)
    if not len(node):
        lines.append(start + "/>")
    elif node.tag == "data-member":  # one line for a field
        inner = []
        write(node[0], names, 0, inner)
        lines.append(start + ">" + inner[0] + "</data-member>")
    else:
        lines.append(start + ">")
        for child in node:
            write(child, names, depth + 1, lines)
        lines.append("  " * depth + "</%s>" % node.tag)


def reachable(nodes, types, symbols):
    """Returns the exported functions and variables, and the types that they use."""
    kept, ahead = set(), [n for n in nodes if n.get("elf-symbol-id", "").split("@")[0] in symbols]
    found = list(ahead)
    while ahead:
        for part in ahead.pop().iter():
            for key in ("type-id", "naming-typedef-id"):
                inner = types.get(part.get(key))
                if inner is not None and inner.get("id") not in kept:
                    kept.add(inner.get("id"))
                    ahead.append(inner)
                    found.append(inner)
    return found


def read_library(source, build):
    """Returns the table of the library in `build`, as text.  Raises Skip if this machine cannot read it."""
    check_machine()
    library = os.path.realpath(os.path.join(build, "libgoldpan.so"))
    done = subprocess.run(ABIDW + ["--headers-dir", os.path.join(source, "include", "goldpan"), library],
                          capture_output=True, text=True)
    if done.returncode or not done.stdout.strip():
        sys.exit("abi: abidw cannot read '%s': %s" % (library, done.stderr.strip()))
    corpus = ElementTree.fromstring(done.stdout)
    symbols = [s for tag in ("elf-function-symbols", "elf-variable-symbols") for s in corpus.iterfind(tag + "/elf-symbol")
               if s.get("is-defined") == "yes"]
    nodes = [node for part in corpus.iterfind("abi-instr") for node in part]
    types = {n.get("id"): n for n in nodes if n.get("id")}
    nodes = reachable(nodes, types, {s.get("name") for s in symbols})
    if not any(n.tag == "class-decl" for n in nodes):
        raise Skip("the library has no debug information")
    names = name_types({n.get("id"): n for n in nodes if n.get("id")})
    nodes.sort(key=lambda n: (ORDER.index(n.tag) if n.tag in ORDER else len(ORDER), n.tag,
                              n.get("name") or "", names.get(n.get("id"), "")))
    lines, once = [], {}
    for node in nodes:
        lines_of_node = []
        write(node, names, 2, lines_of_node)
        # abidw writes a struct without a definition several times.
        name = names.get(node.get("id"), node.get("name"))
        if once.setdefault(name, lines_of_node) is lines_of_node:
            lines += lines_of_node
        elif once[name] != lines_of_node:
            sys.exit("abi: '%s' is declared in two ways" % name)
    head = ["<abi-corpus version='%s' architecture='%s' soname='%s'>" % (FORMAT, corpus.get("architecture"), corpus.get("soname"))]
    for tag in ("elf-function-symbols", "elf-variable-symbols"):
        if corpus.find(tag) is not None:
            write(corpus.find(tag), names, 1, head)
    return "\n".join(head + ["  <abi-instr address-size='64' path='goldpan.h' language='LANG_C11'>"] + lines
                     + ["  </abi-instr>", "</abi-corpus>", ""])


def missing(source, table):
    """Returns the structs and functions of the headers that the table lacks, and the structs that have different
    fields in the table."""
    root, header = ElementTree.fromstring(table), Header(source)
    structs = {n.get("name"): [v.get("name") for v in n.iter("var-decl")] for n in root.iter("class-decl")}
    functions = {n.get("name") for n in root.iter("function-decl")}
    return (["struct " + s.name for s in header.structs if structs.get(s.name) != [f[1] for f in s.fields]]
            + ["function " + f.name for f in header.functions if f.name not in functions])


def compare(old, new):
    """Returns abidiff's report on the differences between two tables (given as text); "" if the tables are equal."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in (("old.xml", old), ("new.xml", new)):
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(text)
        whole = subprocess.run(ABIDIFF + ["old.xml", "new.xml"], cwd=folder, capture_output=True, text=True)
        if not whole.returncode:
            return ""
        # With --leaf-changes-only, the report names a changed struct only once, and not for each function that uses it.
        # But this shorter report lacks changes such as a removed `const`. If it finds no change, the longer report is
        # returned.
        brief = subprocess.run(ABIDIFF + ["--leaf-changes-only", "old.xml", "new.xml"], cwd=folder, capture_output=True, text=True)
    return (brief if brief.returncode else whole).stdout.strip() or "abidiff: " + whole.stderr.strip()


def main():
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", default=here)
    parser.add_argument("--build", default=os.path.join(here, "build"))
    parser.add_argument("--accept", action="store_true", help="write the table")
    options = parser.parse_args()
    path = os.path.join(options.source, TABLE)
    try:
        built = read_library(options.source, options.build)
    except Skip as why:
        print("%s: %s" % ("abi" if options.accept else "skipped", why))
        return 1 if options.accept else 77
    table = EMPTY
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            table = file.read()
    report = compare(table, built)
    if report:
        print(report + "\n")
    lacking = missing(options.source, built)
    if lacking:
        print("abi: the header declares these, but no exported function of the library has or uses them so: "
              + ", ".join(lacking))
        return 1
    if options.accept:
        with open(path, "w", encoding="utf-8") as file:
            file.write(built)
        print("abi: wrote " + TABLE if report else "abi: nothing changed")
    elif report:
        print("abi: the library differs from %s.  If you meant the change, run `make abi` and commit the table; "
              "docs/library.md says which changes old programs survive." % TABLE)
        return 1
    else:
        print("abi: the library is as %s says" % TABLE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
