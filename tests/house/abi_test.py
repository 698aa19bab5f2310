#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The built library has the functions and struct layouts of tests/house/abi/libgoldpan.xml, and the
comparison finds every kind of change.  abi_test.py SOURCE BUILD"""
import os
import re
import subprocess
import sys
import unittest

SOURCE, BUILD = map(os.path.abspath, sys.argv[1:])
sys.argv[1:] = []
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(SOURCE, "tools"))
import abi  # noqa: E402
from header import Header  # noqa: E402

FLAGS = {"GP_CATALOG_CREATE": 1, "GP_CATALOG_READONLY": 2, "GP_CATALOG_READ_IF_MUST": 4, "GP_DIFFICULTY_MIN": 12,
         "GP_EXPORT_RECORDS": 1, "GP_EXPORT_PARQUET": 2, "GP_EXPORT_HF_PARQUET": 4, "GP_EXPORT_WEBDATASET": 8,
         "GP_EXPORT_NPY": 16, "GP_EXPORT_CLIP_RETRIEVAL": 32, "GP_EXPORT_FIFTYONE": 64, "GP_EXPORT_LABEL_STUDIO": 128,
         "GP_EXPORT_HTML": 256}


def struct(table, name):
    return re.search(r"    <class-decl name='%s'.*?</class-decl>\n" % name, table, re.S).group(0)


def add_bits(text, attribute, bits, count=0):
    return re.sub(r"%s='(\d+)'" % attribute, lambda m: "%s='%d'" % (attribute, int(m.group(1)) + bits), text, count=count)


def insert(table, name, before, field="<var-decl name='fresh' type-id='uint64_t'/>"):
    """Returns the table with 8 more bytes in a struct, before the given field; None: at the end of the struct."""
    old = struct(table, name)
    at = old.index("    </class-decl>") if before is None else re.search(r"      <data-member.*name='%s'" % before, old).start()
    end = re.search(r"size-in-bits='(\d+)'", old).group(1)
    offset = end if before is None else re.match(r".*?bits='(\d+)'", old[at:]).group(1)
    new = (add_bits(old[:at], "size-in-bits", 64, 1) + "      <data-member layout-offset-in-bits='%s'>%s</data-member>\n"
           % (offset, field) + add_bits(old[at:], "layout-offset-in-bits", 64))
    return table.replace(old, new)


def swap(table, name, one, other):
    old = struct(table, name)
    new = old.replace("name='%s'" % one, "name=''").replace("name='%s'" % other, "name='%s'" % one)
    return table.replace(old, new.replace("name=''", "name='%s'" % other))


def without_function(table, name):
    table = re.sub(r" *<elf-symbol name='%s' [^\n]*\n" % name, "", table)
    return re.sub(r" *<function-decl name='%s'.*?</function-decl>\n" % name, "", table, flags=re.S)


def in_function(table, name, old, new):
    return re.sub(r"<function-decl name='%s'.*?</function-decl>" % name, lambda m: m.group(0).replace(old, new), table, flags=re.S)


class Abi(unittest.TestCase):
    def test_same(self):
        run = subprocess.run([sys.executable, os.path.join(SOURCE, "tools", "abi.py"), "--source", SOURCE, "--build", BUILD],
                             capture_output=True, text=True)
        self.assertEqual(run.returncode, 0, "\n" + run.stdout + run.stderr)

    def test_changes(self):
        """Each change of the interface is reported by name, whether something was added or removed."""
        changes = {
            "a function less": (without_function(TABLE, "gp_pca"), "gp_pca"),
            "a field in the middle": (insert(TABLE, "gp_report", "failed"), "'uint64_t failed' offset changed"),
            "a field in the middle of a struct that callbacks receive": (insert(TABLE, "gp_row", "path"), "gp_row"),
            "a field at the end": (insert(TABLE, "gp_report", None), "fresh"),
            "two fields swapped": (swap(TABLE, "gp_report", "skipped", "failed"), "'uint64_t skipped' offset changed"),
            "another type of the same size": (TABLE.replace("name='min_stars' type-id='uint64_t'", "name='min_stars' type-id='int64_t'"),
                                              "min_stars"),
            "a shorter array": (TABLE.replace("name='isa' type-id='char[32]'", "name='isa' type-id='char[64]'"), "isa"),
            "a parameter of another type": (in_function(TABLE, "gp_image_decode", "'uint64_t'", "'uint32_t'"), "gp_image_decode"),
            "a parameter less": (in_function(TABLE, "gp_catalog_counts", "<parameter type-id='gp_counts*'/>", ""), "gp_catalog_counts"),
            "a parameter without const": (in_function(TABLE, "gp_add", "gp_add_options const*", "gp_add_options*"), "gp_add"),
            "another type returned": (in_function(TABLE, "gp_catalog_readonly", "'bool'", "'int'"), "gp_catalog_readonly"),
            "an enumerator less": (re.sub(r" *<enumerator name='GP_ERR_STOPPED'.*\n", "", TABLE), "GP_ERR_STOPPED"),
            "an enumerator with another value": (re.sub(r"(name='GP_ERR_STOPPED' value)='\d+'", r"\1='99'", TABLE), "GP_ERR_STOPPED"),
            "another soname": (TABLE.replace("libgoldpan.so.0", "libgoldpan.so.1"), "SONAME"),
        }
        for what, (changed, name) in changes.items():
            with self.subTest(what):
                self.assertNotEqual(changed, TABLE)
                self.assertIn(name, abi.compare(TABLE, changed))
                self.assertIn(name, abi.compare(changed, TABLE))

    def test_flags(self):
        """abidw omits enumerators that no type of a function refers to, so the list FLAGS contains them."""
        values = Header(SOURCE).enumerators
        table = {name: int(value) for name, value in re.findall(r"<enumerator name='(\w+)' value='(\d+)'", TABLE)}
        self.assertEqual({n: v for n, v in values.items() if n not in table}, FLAGS)
        self.assertEqual({n: v for n, v in values.items() if n in table}, table)

    def test_complete(self):
        """If the table lacks a struct or function of the header, the check names it."""
        self.assertEqual(abi.missing(SOURCE, TABLE), [])
        self.assertEqual(abi.missing(SOURCE, without_function(TABLE, "gp_pca")), ["function gp_pca"])
        self.assertEqual(abi.missing(SOURCE, swap(TABLE, "gp_report", "skipped", "failed")), ["struct gp_report"])


try:
    TABLE = abi.read_library(SOURCE, BUILD)
except abi.Skip as why:
    print("skipped: %s" % why)
    sys.exit(77)
if __name__ == "__main__":
    unittest.main()
