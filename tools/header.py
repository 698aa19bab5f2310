#!/usr/bin/env python3
"""Reads the declarations of include/goldpan.h and its parts, for tools/house.py and the tests of the API.

The parser supports only the style of these headers: one declaration on each line, paragraphs separated by blank lines,
and each comment at the beginning of the paragraph that it describes."""
import os
import re


class Function:
    def __init__(self, path, line, returns, name, parameters, comment):
        self.path, self.line, self.returns, self.name, self.comment = path, line, returns, name, comment
        # parameters as [(type, name)]; the type of a function pointer is its complete text
        self.parameters = parameters


class Struct:
    def __init__(self, path, line, name, fields):
        self.path, self.line, self.name = path, line, name
        self.fields = fields  # fields as [(type, name, array length or "")]


def blank(text):
    """Returns as many newlines as the text has."""
    return re.sub(r"[^\n]", "", text)


class Header:
    def __init__(self, root):
        self.functions, self.structs, self.opaque, self.macros = [], [], [], {}
        self.enums, self.enumerators = [], {}  # the names of the types; then the constants as {name: value}
        self.callbacks = {}  # {name of a function pointer type: its type, such as "bool (*)(void *user)"}
        folder = os.path.join(root, "include", "goldpan")
        parts = sorted(f for f in os.listdir(folder) if f.endswith(".h")) if os.path.isdir(folder) else []
        self.paths = ["include/goldpan.h"] + ["include/goldpan/" + f for f in parts]
        for path in self.paths:
            with open(os.path.join(root, path), encoding="utf-8") as file:
                text = file.read()
            for m in re.finditer(r"^#define (\w+)(?:\([\w, ]+\))? ?((?:.*\\\n)*.*)$", text, flags=re.M):
                self.macros[m.group(1)] = m.group(2).replace("\\\n", " ").strip()
            text = re.sub(r"^#.*(?:\\\n.*)*$", lambda m: blank(m.group(0)), text, flags=re.M)
            line = 1
            for paragraph in re.split(r"(\n\n)", text):
                self._paragraph(path, line, paragraph)
                line += paragraph.count("\n")

    def _paragraph(self, path, line, text):
        comment = ""
        for m in re.finditer(r"^/\*.*?\*/|^GP_API (?:GP_MUST )?([^;{]*?)(\w+)\(([^;]*)\);", text, flags=re.M | re.S):
            if m.group(0).startswith("/*"):
                comment = m.group(0)
                continue
            parameters = [self._field(p)[:2] for p in self._split(m.group(3)) if p != "void"]
            self.functions.append(Function(path, line + text.count("\n", 0, m.start()), " ".join(m.group(1).split()),
                                           m.group(2), parameters, comment))
        code = re.sub(r"/\*.*?\*/", lambda m: blank(m.group(0)), text, flags=re.S)
        self.opaque += re.findall(r"^typedef struct (\w+) \1;", code, flags=re.M)
        for m in re.finditer(r"^typedef ([^;{]*?\(\*)(\w+)(\)[^;{]*);", code, flags=re.M):
            self.callbacks[m.group(2)] = " ".join((m.group(1) + m.group(3)).split())
        for m in re.finditer(r"^(?:typedef )?enum (\w* ?)\{(.*?)^\}", code, flags=re.M | re.S):
            self.enums += m.group(1).split()
            value = -1
            for enumerator in filter(None, self._split(m.group(2))):
                name, _, given = enumerator.partition("=")
                value = int(given, 0) if given else value + 1
                self.enumerators[name.strip()] = value
        for m in re.finditer(r"^(?:typedef )?struct (\w+) \{\n(.*?)^\}", code, flags=re.M | re.S):
            fields = [self._field(f) for f in self._split(m.group(2), ";") if f]
            self.structs.append(Struct(path, line + code.count("\n", 0, m.start()), m.group(1), fields))

    @staticmethod
    def _split(text, separator=","):
        """Splits the text at separators outside of parentheses."""
        parts, depth = [""], 0
        for c in " ".join(text.split()):
            depth += (c == "(") - (c == ")")
            if c == separator and not depth:
                parts.append("")
            else:
                parts[-1] += c
        return [p.strip() for p in parts]

    @staticmethod
    def _field(text):
        pointer = re.match(r"(.*?\(\*)(\w+)(\).*)", text)
        if pointer:
            return pointer.group(1) + pointer.group(3), pointer.group(2), ""
        m = re.match(r"(.*?)(\w+)(?:\[([\w ]*)\])?$", text)
        return m.group(1).strip(), m.group(2), m.group(3) or ""
