#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The recipe of picks.c in Python, by ctypes: no package is needed besides the library.

    python3 picks.py FOLDER MODEL CATALOG

The structs are laid out as in include/goldpan/; their defaults come from the library, by gp_add_options_init, or by NULL
for "all defaults".  If GOLDPAN_LIBRARY is set, it is the path of the libgoldpan.so to use."""
import ctypes
import os
import sys
from ctypes import POINTER, Structure, byref, c_bool, c_char, c_char_p, c_double, c_int, c_int64, c_size_t, c_uint32, c_uint64, c_void_p, sizeof

CREATE = 1  # GP_CATALOG_CREATE


class Error(Structure):
    _fields_ = [("status", c_int), ("number", c_int), ("message", c_char * 1000), ("detail", c_char * 1000), ("path", c_char * 4096)]


class AddOptions(Structure):
    _fields_ = [("size", c_size_t), ("roots", POINTER(c_char_p)), ("root_count", c_size_t), ("prompts", c_char_p), ("image_column", c_char_p),
                ("prompt_column", c_char_p), ("max_pixels", c_uint64), ("threads", c_int), ("progress", c_void_p), ("user", c_void_p),
                ("note", c_void_p), ("note_user", c_void_p), ("prompt_from", c_char_p)]


class Row(Structure):
    """The first fields of gp_row; the library allocates the rows, so the other fields can be left out."""
    _fields_ = [("image", c_int64), ("path", c_char_p), ("path_count", c_uint64), ("hash", c_char_p), ("format", c_char_p), ("width", c_uint32),
                ("height", c_uint32), ("orientation", c_uint32), ("prompt", c_char_p), ("prompt_raw", c_char_p), ("negative", c_char_p),
                ("prompt_source", c_char_p), ("settings_json", c_char_p), ("has_score", c_bool), ("score", c_double), ("rank", c_uint32),
                ("candidates", c_uint32), ("picked", c_bool)]


library = ctypes.CDLL(os.environ.get("GOLDPAN_LIBRARY", "libgoldpan.so.0"))
library.gp_model_close.argtypes = library.gp_catalog_close.argtypes = library.gp_rows_close.argtypes = [c_void_p]
library.gp_model_close.restype = library.gp_catalog_close.restype = library.gp_rows_close.restype = None


def call(name, *arguments):
    """Calls a function whose last parameter is gp_error *; raises its message."""
    error = Error()
    if getattr(library, name)(*arguments, byref(error)):
        raise RuntimeError(os.fsdecode(error.message))


def main(folder, model_name, path):
    model, catalog, rows = c_void_p(), c_void_p(), c_void_p()
    try:
        call("gp_model_open", os.fsencode(model_name), None, byref(model))
        call("gp_catalog_open", os.fsencode(path), CREATE, byref(catalog))
        add = AddOptions()
        library.gp_add_options_init(byref(add), c_size_t(sizeof(add)))
        add.roots, add.root_count = (c_char_p * 1)(os.fsencode(folder)), 1
        call("gp_add", catalog, byref(add), None)
        call("gp_score", catalog, model, None, None)
        call("gp_pick", catalog, model, None, None)
        call("gp_rows_open", catalog, None, byref(rows))
        row = POINTER(Row)()
        call("gp_rows_next", rows, byref(row))
        while row:
            if row.contents.picked:
                print("%.4f\t%s\t%s" % (row.contents.score, os.fsdecode(row.contents.path), row.contents.prompt.decode()))
            call("gp_rows_next", rows, byref(row))
    finally:
        library.gp_rows_close(rows)
        library.gp_catalog_close(catalog)
        library.gp_model_close(model)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit("usage: picks.py FOLDER MODEL CATALOG")
    try:
        main(*sys.argv[1:])
    except RuntimeError as error:
        sys.exit("picks.py: %s" % error)
