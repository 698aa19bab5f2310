# SPDX-License-Identifier: MIT
"""A ctypes binding of goldpan, made from the public headers.  No layout, prototype or default is
written by hand.

    goldpan = Binding("/path/of/the/repository", "libgoldpan.so.0")
    catalog = goldpan.pointer()
    goldpan.call("gp_catalog_open", b"c.db", goldpan.constants["GP_CATALOG_CREATE"], byref(catalog))
    goldpan.call("gp_add", catalog, byref(goldpan.new("gp_add_options", roots=[b"pictures"], root_count=1)), None)

The tests use this module.  You can use it as a template for bindings in other languages."""
import ctypes
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from header import Header  # noqa: E402

SCALARS = {"bool": ctypes.c_bool, "char": ctypes.c_char, "int": ctypes.c_int, "unsigned": ctypes.c_uint, "float": ctypes.c_float,
           "double": ctypes.c_double, "size_t": ctypes.c_size_t, "void": None}
SCALARS.update({"%sint%d_t" % (sign, bits): getattr(ctypes, "c_%sint%d" % (sign, bits)) for sign in ("", "u") for bits in (8, 16, 32, 64)})


class GoldpanError(Exception):
    def __init__(self, error):
        self.status, self.path = error.status, error.path
        super().__init__(os.fsdecode(error.message))


class Binding:
    def __init__(self, root, library):
        self.header = Header(root)
        self.constants = dict(self.header.enumerators)
        self.structs = {s.name: type(s.name, (ctypes.Structure,), {}) for s in self.header.structs}
        self.fields = {s.name: s.fields for s in self.header.structs}
        self.sized = [s.name for s in self.header.structs if s.fields[0][:2] == ("size_t", "size")]
        self.functions = {f.name: f for f in self.header.functions}
        self.types = {}
        for name in self.structs:
            self._define(name)
        self.library = ctypes.CDLL(library)
        for name, function in self.functions.items():
            entry = getattr(self.library, name)
            entry.restype = self.type(function.returns)
            entry.argtypes = [self.type(t) for t, _ in function.parameters]

    # ---- types
    def _define(self, name):
        struct = self.structs[name]
        if "_fields_" in struct.__dict__:
            return
        fields = []
        for text, field, length in self.fields[name]:
            inner = text.replace("struct ", "")
            if inner in self.structs:
                # ctypes must know the fields of an inner struct before the outer struct is defined
                self._define(inner)
            kind = self.type(text)
            fields.append((field, kind * int(length) if length else kind))
        struct._fields_ = fields

    def type(self, text):
        """Returns the ctypes type for a type as it is written in the header."""
        if text not in self.types:
            self.types[text] = self._type(text)
        return self.types[text]

    def _type(self, text):
        text = self.header.callbacks.get(text, text)
        function = re.fullmatch(r"(.*?)\(\*\)\((.*)\)", text)
        if function:
            parameters = [Header._field(p)[0] for p in Header._split(function.group(2)) if p != "void"]
            return ctypes.CFUNCTYPE(self.type(function.group(1).strip()), *map(self.type, parameters))
        stars = text.count("*")
        base = " ".join(w for w in text.replace("*", " ").split() if w not in ("const", "struct"))
        if stars and base in ("char", "void"):
            kind, stars = (ctypes.c_char_p if base == "char" else ctypes.c_void_p), stars - 1
        elif base in self.header.opaque:
            kind, stars = ctypes.c_void_p, stars - 1
        elif base in self.header.enums:
            kind = ctypes.c_int
        else:
            kind = self.structs[base] if base in self.structs else SCALARS[base]
        for _ in range(stars):
            kind = ctypes.POINTER(kind)
        return kind

    # ---- values
    @staticmethod
    def pointer():
        """Returns a variable for a handle, such as gp_catalog *."""
        return ctypes.c_void_p()

    def has_defaults(self, name):
        return name + "_init" in self.functions

    def new(self, name, **fields):
        """Returns a struct with its size set, the library's defaults (for options), and the given fields."""
        struct = self.structs[name]()
        if self.has_defaults(name):
            getattr(self.library, name + "_init")(ctypes.byref(struct), ctypes.sizeof(struct))
        elif name in self.sized:
            struct.size = ctypes.sizeof(struct)
        self.set(struct, **fields)
        return struct

    def set(self, struct, **fields):
        """Sets fields.  A list becomes an array, a struct a pointer, and a function a callback."""
        for field, value in fields.items():
            kind = dict(struct._fields_)[field]
            if isinstance(value, list):
                value = ctypes.cast((kind._type_ * len(value))(*value), kind)
            elif isinstance(value, ctypes.Structure) and not isinstance(value, kind):
                value = ctypes.pointer(value)
            elif callable(value) and not isinstance(value, kind):
                value = kind(value)
            setattr(struct, field, value)

    def call(self, name, *arguments):
        """Calls a function.  It adds a last parameter gp_error *, and raises GoldpanError."""
        parameters = self.functions[name].parameters
        error = self.structs["gp_error"]()
        if parameters and parameters[-1][0] == "gp_error *":
            arguments += (ctypes.byref(error),)
        result = getattr(self.library, name)(*arguments)
        if self.functions[name].returns == "gp_status" and result:
            raise GoldpanError(error)
        return result
