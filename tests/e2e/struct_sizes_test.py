#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests callers that are older or newer than the library (goldpan.h, "Sizes"): every function, with every struct that
has a size.

The calls are made through ctypes, with structs of every former size.  The guard bytes after a struct must not change.
The header says which structs a function takes.  A function without an entry in CALLS fails the test.
struct_sizes_test.py GOLDPAN BUILD"""
import ctypes
import os
import random
import shutil
import struct
import sys
import tempfile
import unittest

BUILD = os.path.abspath(sys.argv.pop(2))
from command import SAMPLE, SOURCE, environment  # noqa: E402 (this import removes an argument from sys.argv)

sys.path.insert(0, os.path.join(SOURCE, "tools"))
from binding import Binding  # noqa: E402

# The guard is longer than any struct.  A call that ignores the stated size and writes a whole struct overwrites only
# the guard.
GUARD = b"\xa5" * 2048
USAGE, NOT_FOUND, UNSUPPORTED = 1, 4, 7

FOLDER = tempfile.mkdtemp()
for key in [k for k in os.environ if k not in environment()]:
    del os.environ[key]
os.environ.update(environment(), HF_HOME=FOLDER, HF_HUB_OFFLINE="1")
goldpan = Binding(SOURCE, os.path.join(BUILD, "libgoldpan.so"))


def at(*names):
    return os.fsencode(os.path.join(FOLDER, *names))


def sample(*names):
    return os.fsencode(os.path.join(SAMPLE, *names))


def struct_of(text):
    """Returns the name of the struct with a size to which this type points; None for any other type."""
    name = text.replace("const", "").replace("*", "").strip()
    return name if name in goldpan.sized and text.count("*") == 1 else None


# ---------------------------------------------------------------- data of the calls

draw = random.Random(1)
N, D = 60, 6
ROWS = (ctypes.c_float * (N * D))(*(draw.gauss(i // D % 3 * 4, 1) for i in range(N * D)))
SCORES = (ctypes.c_double * N)(*(draw.gauss(i % 3, 1) for i in range(N)))
PROMPTS = (ctypes.c_int32 * N)(*(i // 3 for i in range(N)))
INSIDE = (ctypes.c_bool * N)(*(i % 3 == 0 for i in range(N)))
TEXTS = (ctypes.c_char_p * N)(*(b"a red cat" if i % 3 == 0 else b"a blue dog" for i in range(N)))
FLOATS = (ctypes.c_float * (3 * 224 * 224 + N * 1000))()
DOUBLES = (ctypes.c_double * N)()
IDS = (ctypes.c_uint32 * N)()
STATUSES = (ctypes.c_int * 4)()
PATH = sample("shapes", sorted(os.listdir(sample("shapes").decode()))[0])
SHAPES = [sample("shapes")]

EMBEDDING = {"name": b"embedding", "kind": goldpan.constants["GP_FEATURE_EMBEDDING"], "vectors": ROWS, "d": D}
GENERATE = {"prompts": at("prompts.csv"), "backend": at("draw.sh") + b" {out} {prompt}", "folder": at("generated"), "per_prompt": 1}

TREE = goldpan.new("gp_hierarchy")
PIXELS = goldpan.new("gp_pixels")

# Images inside a Parquet file
SET = os.fsencode(os.path.join(SOURCE, "fuzz", "corpus", "parquet_images", "struct-snappy.parquet"))

# CALLS has the arguments of a call of each function, by the names of the parameters.  If a parameter is a struct with a
# size, its entry has the fields to set; without an entry, the test passes the struct with its defaults.  "status" is the
# status that the call must return (default: OK).  Handles need no entry, because the test chooses them by their type.
ARRAY = {"rows": ROWS, "n": N, "d": D}
CALLS = {
    "gp_add": {"options": {"roots": SHAPES, "root_count": 1}},
    "gp_analyze": {"catalog": "few", "options": {"no_map": True, "slices": {}, "duplicates": {}, "map": {}}},
    "gp_bench": {"options": {"roots": [PATH], "root_count": 1, "seconds": 0.01}},
    "gp_catalog_category_quality": {},
    "gp_catalog_counts": {},
    "gp_catalog_rescue": {"path": at("sound.db")},
    "gp_catalog_words": {"visit": lambda user, word: True},
    "gp_difficulty_correct": {"score": SCORES, "prompt": PROMPTS, "n": N, "embeddings": ROWS, "prompts": N // 3, "d": D,
                              "corrected": DOUBLES},
    "gp_duplicates_find": ARRAY,
    "gp_embed_files": {"paths": (ctypes.c_char_p * 1)(PATH), "n": 1, "out": FLOATS, "ok": (ctypes.c_bool * 1)()},
    "gp_embed_sources": {"sources": {"path": PATH}, "n": 1, "out": FLOATS, "statuses": STATUSES},
    "gp_encode_images": {"planes": FLOATS, "n": 1, "out": FLOATS},
    "gp_encode_texts": {"texts": TEXTS, "n": 2, "out": FLOATS},
    "gp_explore": {"options": {"progress": lambda user, progress: False}},
    "gp_export": {"catalog": "few", "options": {"folder": at("exported"), "mode": goldpan.constants["GP_EXPORT_NONE"]}},
    "gp_generate": {"catalog": "few", "options": GENERATE},
    "gp_generate_check": {"options": GENERATE},
    "gp_hdbscan": ARRAY,
    "gp_hierarchy_build": ARRAY,
    "gp_hierarchy_project": {**ARRAY, "hierarchy": TREE, "dims": 2, "out": FLOATS},
    "gp_image_decode": {"path": PATH},
    "gp_import_embeddings": {"catalog": "imported", "options": {"embeddings": at("rows.npy")},
                             "add": {"roots": SHAPES, "root_count": 1, "prompts": at("rows.csv")}},
    "gp_machine_describe": {},
    "gp_mark": {"options": {"images": (ctypes.c_char_p * 1)(b"0" * 32), "image_count": 1, "tags": (ctypes.c_char_p * 1)(b"castle"),
                            "tag_count": 1}, "status": NOT_FOUND},
    "gp_model_fetch": {"name": b"nobody/nothing", "status": NOT_FOUND},
    "gp_model_info": {},
    "gp_model_open": {"name_or_folder": b"drawn-world-mini"},
    "gp_neighbours": {**ARRAY, "m": N, "k": 1, "ids": IDS, "distances": FLOATS},
    "gp_pca": {**ARRAY, "dims": 2, "out": FLOATS},
    "gp_pick": {},
    "gp_preprocess": {"pixels": PIXELS, "planes": FLOATS},
    "gp_ratings_read": {"catalog": "few", "options": {"dry_run": True}},
    "gp_ratings_write": {"catalog": "few", "options": {"dry_run": True}},
    "gp_reasons_find": {"input": {"n": N, "texts": TEXTS, "features": {**EMBEDDING, "kind": goldpan.constants["GP_FEATURE_NUMBER"],
                                                                      "numbers": SCORES}, "feature_count": 1},
                        "inside": INSIDE},
    "gp_rows_open": {},
    "gp_run": {"catalog": "tiny", "options": {"add": {"roots": [at("tiny")], "root_count": 1}, "score": {}, "find": {"no_map": True}, "pick": {},
                                             "sheet": {"file": at("run.png")}},
               "report": {"add": {}, "score": {}, "analysis": {}, "pick": {}, "sheet": {}, "counts": {}}},
    "gp_score": {},
    "gp_sheet": {"catalog": "few", "options": {"file": at("sheet.png"), "max_prompts": 2}},
    "gp_site": {"catalog": "tiny", "options": {"folder": at("site"), "images": goldpan.constants["GP_SITE_THUMBNAILS"]}},
    "gp_slices_find": {"features": EMBEDDING, "count": 1, "metric": SCORES, "n": N, "tree": TREE, "options": {"resamples": 20}},
    "gp_tour": {"options": {"file": at("tour.webp"), "width": 200, "height": 200, "max_slices": 1}},
    "gp_undo": {"catalog": "few", "options": {"number": 999}, "status": NOT_FOUND},
    "gp_watch_folders": {"catalog": "tiny", "options": {"add": {"roots": [at("tiny")], "root_count": 1}, "score": {}, "pick": {}, "idle": 0.01}},
    "gp_umap": {**ARRAY, "out": FLOATS, "options": {"epochs": 2}},
    "gp_umap_transform": {**ARRAY, "map": (ctypes.c_float * (2 * N))(*SCORES, *SCORES), "fresh": ROWS, "m": 2, "out": FLOATS,
                          "options": {"epochs": 2}},
    "gp_unpack": {"options": {"files": [SET], "file_count": 1, "into": at("unpacked")}},
}


class Place:
    """A struct with a size that a function takes: as a parameter, or through a pointer in a parameter's struct."""
    def __init__(self, path, text):
        self.path, self.name, self.output = path, struct_of(text), not text.startswith("const")
        self.type = goldpan.structs[self.name]

    def ends(self):
        """Returns the sizes that older versions of the struct may have had: each number of fields, with and without
        padding at the end."""
        ends = {ctypes.sizeof(self.type)}
        for field, _ in self.type._fields_[1:]:
            ends.add(getattr(self.type, field).offset)
        for field, _ in self.type._fields_:
            ends.add(getattr(self.type, field).offset + getattr(self.type, field).size)
        return sorted(ends)


def places_of(function):
    places = []
    for text, name in function.parameters:
        if struct_of(text):
            places.append(Place((name,), text))
            places += [Place((name, field), inner) for inner, field, _ in goldpan.fields[struct_of(text)] if struct_of(inner)]
    return places


TAKING = {f.name: places_of(f) for f in goldpan.header.functions if not f.name.endswith(("_init", "_clear")) and places_of(f)}
CLEAR = {struct_of(f.parameters[0][0]): f.name for f in goldpan.header.functions if f.name.endswith("_clear")}


class Call:
    """Calls a function with the given sizes of its structs, and the given bytes at the end of newer structs."""
    def __init__(self, name, sizes={}, tails={}):
        self.sizes, self.tails, self.kept, self.buffers = sizes, tails, [], {}
        self.error = goldpan.structs["gp_error"]()
        function, given, handles, arguments = goldpan.functions[name], CALLS[name], [], []
        for text, parameter in function.parameters:
            value = given.get(parameter)
            if struct_of(text):
                arguments.append(ctypes.cast(self.build((parameter,), text, value or {}), goldpan.type(text)))
            elif text == "gp_catalog *":
                arguments.append(catalogs[value or "whole"])
            elif text == "const gp_model *":
                arguments.append(model)
            elif text in ("gp_model **", "gp_rows **"):
                handles.append((text.split()[0], goldpan.pointer()))
                arguments.append(ctypes.byref(handles[-1][1]))
            elif text == "gp_error *":
                arguments.append(ctypes.byref(self.error))
            else:
                arguments.append(goldpan.type(text)(value) if callable(value) else value if value is not None
                                 else None if "*" in text else 0)
        self.status = getattr(goldpan.library, name)(*arguments)
        self.message = self.error.message.decode() if self.status else ""
        for kind, handle in handles:
            getattr(goldpan.library, kind + "_close")(handle)

    def build(self, path, text, given):
        """Returns a buffer with the bytes of the struct and then the guard.  An output struct is filled with guard
        bytes."""
        place = Place(path, text)
        fields = {} if isinstance(given, ctypes.Structure) else given
        value = given if isinstance(given, ctypes.Structure) else goldpan.new(place.name)
        for inner, field, _ in goldpan.fields[place.name]:
            if struct_of(inner) and isinstance(fields.get(field, {} if path + (field,) in self.sizes else None), dict):
                child = self.build(path + (field,), inner, fields.get(field, {}))
                setattr(value, field, ctypes.cast(child, goldpan.type(inner)))
            elif field in fields:
                item = fields[field]
                goldpan.set(value, **{field: ctypes.cast(item, goldpan.type(inner)) if isinstance(item, ctypes.Array) else item})
        self.kept.append((value, fields))
        size = max(self.sizes.get(path, ctypes.sizeof(value)), 8)
        if place.output and not fields:
            content = GUARD[:size]
        else:
            content = bytes(value)[:size] + self.tails.get(path, b"")
            content += bytes(size - len(content))
        content = self.sizes.get(path, size).to_bytes(8, "little") + content[8:]
        self.buffers[path] = ctypes.create_string_buffer(content + GUARD, len(content) + len(GUARD))
        return self.buffers[path]

    def bytes(self, path):
        return self.buffers[path].raw


def last_given(place, given):
    """Returns the number of bytes up to the end of the last field that the call needs."""
    for step in place.path:
        given = {f: getattr(given, f) for f, _ in given._fields_} if isinstance(given, ctypes.Structure) else given.get(step) or {}
    names = [f for f, _ in given._fields_] if isinstance(given, ctypes.Structure) else list(given)
    return max([8] + [getattr(place.type, f).offset + getattr(place.type, f).size for f in names])


catalogs, model = {}, goldpan.pointer()


def setUpModule():
    names = sorted(os.listdir(SHAPES[0].decode()))
    os.mkdir(at("tiny"))
    for name in names[:4]:
        shutil.copy(os.path.join(SHAPES[0], os.fsencode(name)), at("tiny"))
    goldpan.call("gp_model_open", b"drawn-world-mini", None, ctypes.byref(model))
    for name, roots in (("whole", [os.fsencode(SAMPLE)]), ("few", SHAPES), ("tiny", [at("tiny")]), ("imported", []), ("sound", SHAPES)):
        catalog = catalogs[name] = goldpan.pointer()
        goldpan.call("gp_catalog_open", at(name + ".db"), goldpan.constants["GP_CATALOG_CREATE"], ctypes.byref(catalog))
        if roots:
            add = goldpan.new("gp_add_options", roots=roots, root_count=1)
            goldpan.call("gp_run", catalog, model, ctypes.byref(goldpan.new("gp_run_options", add=add, no_analysis=name == "sound")), None)
    goldpan.call("gp_catalog_close", catalogs.pop("sound"))
    with open(at("prompts.csv"), "w", encoding="utf-8") as file:
        file.write("prompt\na cat\n")
    with open(at("draw.sh"), "w", encoding="utf-8") as file:
        file.write('#!/bin/sh\ncp "%s" "$1"\n' % os.fsdecode(PATH))
    os.chmod(at("draw.sh"), 0o755)
    with open(at("rows.csv"), "w", encoding="utf-8") as file:
        file.write("file,prompt\n" + "".join("%s,a shape\n" % name for name in names))
    head = ("{'descr': '<f4', 'fortran_order': False, 'shape': (%d, 4)}" % len(names)).ljust(117) + "\n"
    with open(at("rows.npy"), "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode())
        file.write(struct.pack("<%df" % (len(names) * 4), *(draw.gauss(0, 1) for _ in range(len(names) * 4))))
    goldpan.call("gp_hierarchy_build", ROWS, N, D, None, ctypes.byref(TREE))
    goldpan.call("gp_image_decode", PATH, 0, ctypes.byref(PIXELS))


def tearDownModule():
    goldpan.call("gp_hierarchy_clear", ctypes.byref(TREE))
    goldpan.call("gp_pixels_clear", ctypes.byref(PIXELS))
    for catalog in catalogs.values():
        goldpan.call("gp_catalog_close", catalog)
    goldpan.call("gp_model_close", model)
    shutil.rmtree(FOLDER)


class StructSizes(unittest.TestCase):
    def each(self, check, *outputs):
        """Calls check(name, place) for each struct with a size that each function takes. outputs: True for output
        structs, False for input structs."""
        for name, places in TAKING.items():
            for place in places:
                if place.output in outputs:
                    with self.subTest(name + ": " + ".".join(place.path)):
                        check(name, place)

    def call(self, name, **more):
        call = Call(name, **more)
        self.assertEqual(call.status, CALLS[name].get("status", 0), (more, call.message))
        return call

    def test_every_function_is_called(self):
        self.assertEqual(set(TAKING) - set(CALLS), set(), "functions that CALLS lacks")
        self.assertEqual(set(CALLS) - set(TAKING), set(), "functions that the header lacks")
        self.assertLess(max(ctypes.sizeof(goldpan.structs[name]) for name in goldpan.sized), len(GUARD))
        outputs = {p.name for places in TAKING.values() for p in places if p.output}
        self.assertEqual(set(CLEAR) - outputs, set())
        used = {p.name for places in TAKING.values() for p in places}
        self.assertEqual(set(goldpan.sized) - used, set(), "no function takes these structs")

    def test_outputs(self):
        """The library writes an output struct up to its size, and sets the fields that it does not know to 0."""
        self.each(self.check_output, True)

    def check_output(self, name, place):
        full = ctypes.sizeof(place.type)
        for size in place.ends() + [full + 8, full + 48]:
            call = self.call(name, sizes={place.path: size})
            got = call.bytes(place.path)
            if got[size:] != GUARD:
                self.fail("%d bytes: written behind the struct" % size)
            self.assertEqual(got[:8], size.to_bytes(8, "little"))
            self.assertEqual(got[full:size], bytes(max(size - full, 0)), "%d bytes: the end is not 0" % size)
            for field, _ in place.type._fields_[1:]:
                start, length = getattr(place.type, field).offset, getattr(place.type, field).size
                if start + length <= size:
                    self.assertNotEqual(got[start:start + length], GUARD[:length], "%s is not written" % field)
            if place.name in CLEAR:
                for _ in range(2):  # a cleared struct may be cleared again
                    getattr(goldpan.library, CLEAR[place.name])(ctypes.cast(call.buffers[place.path], ctypes.POINTER(place.type)))
                self.assertEqual(call.bytes(place.path), size.to_bytes(8, "little") + bytes(size - 8) + GUARD)

    def test_older_inputs(self):
        """Fields that an older caller's struct lacks get their defaults.  The library neither reads nor changes bytes
        after the struct."""
        self.each(self.check_older, False)

    def check_older(self, name, place):
        for size in place.ends():
            if size >= last_given(place, CALLS[name]):
                call = self.call(name, sizes={place.path: size})
                self.assertEqual(call.bytes(place.path)[size:], GUARD)

    def test_newer_inputs(self):
        """A newer caller must set the fields that the library does not know to 0."""
        self.each(self.check_newer, False)

    def check_newer(self, name, place):
        full = ctypes.sizeof(place.type)
        for more in (8, 48):
            self.call(name, sizes={place.path: full + more})
        for tail in (b"\1", b"\1" + bytes(7), b"\x80" + bytes(47)):
            call = Call(name, sizes={place.path: full + 48}, tails={place.path: tail})
            self.assertEqual(call.status, UNSUPPORTED, call.message)
            self.assertIn(place.name, call.message)

    def test_no_size(self):
        """If the size of a struct was not set, the call fails with a message that names the struct."""
        self.each(self.check_no_size, False, True)

    def check_no_size(self, name, place):
        call = Call(name, sizes={place.path: 0})
        self.assertEqual(call.status, USAGE)
        self.assertIn(place.name + ".size is not set", call.message)
        self.assertEqual(call.bytes(place.path)[8:], GUARD)


if __name__ == "__main__":
    unittest.main()
