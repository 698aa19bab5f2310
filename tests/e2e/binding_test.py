#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""All stages (add, score, analysis, pick, export) called through ctypes give the same results as the command.
tools/binding.py makes the binding from the headers.  The test repeats no default of the library; it sets only what a
caller must set, such as the folder.  binding_test.py GOLDPAN BUILD"""
import csv
import ctypes
import importlib.util
import os
import platform
import shutil
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree
from ctypes import byref

BUILD = os.path.abspath(sys.argv.pop(2))
# This import removes the first argument from sys.argv.
from command import SAMPLE, SOURCE, environment, goldpan as command  # noqa: E402

sys.path.insert(0, os.path.join(SOURCE, "tools"))
from binding import Binding, GoldpanError  # noqa: E402

LIBRARY = os.path.join(BUILD, "libgoldpan.so")
MODEL = "drawn-world-mini"
os.environ.update(environment())
goldpan = Binding(SOURCE, LIBRARY)


class Layouts(unittest.TestCase):
    def test_table(self):
        """The struct layouts that ctypes computes equal the compiler's layouts, which tests/house/abi/libgoldpan.xml
        contains."""
        if platform.machine() not in ("x86_64", "AMD64"):
            return  # the table is for x86-64
        structs = {n.get("name"): n for n in ElementTree.parse(os.path.join(SOURCE, "tests/house/abi/libgoldpan.xml")).iter("class-decl")}
        for name, struct in goldpan.structs.items():
            self.assertEqual(ctypes.sizeof(struct) * 8, int(structs[name].get("size-in-bits")), name)
            fields = {m[0].get("name"): int(m.get("layout-offset-in-bits")) for m in structs[name].iter("data-member")}
            self.assertEqual({f: getattr(struct, f).offset * 8 for f, _ in struct._fields_}, fields, name)

    def test_example(self):
        """The hand-written struct layouts in examples/picks.py equal the layouts of the generated binding."""
        os.environ["GOLDPAN_LIBRARY"] = LIBRARY
        spec = importlib.util.spec_from_file_location("picks", os.path.join(SOURCE, "examples", "picks.py"))
        picks = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(picks)
        for mine, name in ((picks.Error, "gp_error"), (picks.AddOptions, "gp_add_options"), (picks.Row, "gp_row")):
            struct = goldpan.structs[name]
            for (field, _), (wanted, _) in zip(mine._fields_, struct._fields_):
                at = getattr(mine, field), getattr(struct, wanted)
                self.assertEqual((field, at[0].offset, at[0].size), (wanted, at[1].offset, at[1].size), name)
        self.assertEqual(picks.CREATE, goldpan.constants["GP_CATALOG_CREATE"])


class Recipe(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp()
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.model, cls.catalog = goldpan.pointer(), goldpan.pointer()
        goldpan.call("gp_model_open", MODEL.encode(), None, byref(cls.model))
        cls.addClassCleanup(goldpan.call, "gp_model_close", cls.model)
        goldpan.call("gp_catalog_open", cls.at("binding.db"), goldpan.constants["GP_CATALOG_CREATE"], byref(cls.catalog))
        cls.addClassCleanup(goldpan.call, "gp_catalog_close", cls.catalog)
        cls.stages = []
        cls.add = cls.stage("gp_add", cls.catalog, roots=[os.fsencode(SAMPLE)], root_count=1)
        cls.score = cls.stage("gp_score", cls.catalog, cls.model)
        cls.analysis = cls.stage("gp_analyze", cls.catalog, cls.model)
        cls.pick = cls.stage("gp_pick", cls.catalog, cls.model)
        cls.rows = cls.read_rows()

    @classmethod
    def at(cls, name):
        return os.fsencode(os.path.join(cls.folder, name))

    @classmethod
    def stage(cls, name, *handles, **fields):
        """Calls a stage with the default options, in which the given fields are replaced. Returns the report of the
        stage."""
        types = {parameter: text.replace("const", "").strip(" *") for text, parameter in goldpan.functions[name].parameters}
        options, report = goldpan.new(types["options"]), goldpan.new(types["report"])
        if hasattr(options, "progress"):
            fields["progress"] = lambda user, progress: cls.stages.append(progress.contents.stage.decode()) or True
        goldpan.set(options, **fields)
        goldpan.call(name, *handles, byref(options), byref(report))
        return report

    @classmethod
    def read_rows(cls):
        rows, row, found = goldpan.pointer(), goldpan.type("const gp_row *")(), []
        goldpan.call("gp_rows_open", cls.catalog, None, byref(rows))
        goldpan.call("gp_rows_next", rows, byref(row))
        while row:
            found.append({f: getattr(row.contents, f) for f, _ in row.contents._fields_})
            goldpan.call("gp_rows_next", rows, byref(row))
        goldpan.call("gp_rows_close", rows)
        return found

    def test_picks(self):
        """The library's picks, and their scores as printed, equal those of `goldpan run`."""
        run = command("run", SAMPLE, "--catalog", self.at("command.db"), "--model", MODEL, "-q")
        wanted = sorted(run.stdout.splitlines())
        self.assertGreater(len(wanted), 40)
        picks = sorted("%s\t%.2f\t%s" % (os.fsdecode(r["path"]), r["score"], r["prompt"].decode()) for r in self.rows if r["picked"])
        self.assertEqual(picks, wanted)
        self.assertEqual(self.pick.done, len(wanted))
        self.assertEqual((self.add.done, self.score.done, self.score.failed), (len(self.rows), len(self.rows), 0))

    def test_analysis(self):
        """The callbacks visit all categories and slices, and every stage has reported progress."""
        seen = {"gp_catalog_categories": [], "gp_catalog_slices": []}
        for name, found in seen.items():
            visit = goldpan.type(goldpan.functions[name].parameters[2][0])(
                lambda user, item: found.append((item.contents.support, item.contents.images[:item.contents.support]
                                                 if hasattr(item.contents, "images") else None)) or True)
            goldpan.call(name, self.catalog, None, visit, None)
        self.assertEqual(len(seen["gp_catalog_categories"]), self.analysis.categories)
        self.assertEqual(len(seen["gp_catalog_slices"]), self.analysis.slices + self.analysis.prompt_slices + self.analysis.category_slices)
        self.assertGreater(self.analysis.slices, 0)
        images = {r["image"] for r in self.rows}
        self.assertTrue(all(set(members) <= images for _, members in seen["gp_catalog_slices"]))
        self.assertLessEqual({"add", "score", "slices", "map"}, set(self.stages))

    def test_arrays(self):
        """Scores and clusters that are computed from arrays of embeddings, without a catalog, equal those in the
        catalog."""
        facts = goldpan.new("gp_model_facts")
        goldpan.call("gp_model_info", self.model, byref(facts))
        n, d = len(self.rows), facts.embedding
        images, texts = (ctypes.c_float * (n * d))(), (ctypes.c_float * (n * d))()
        ok, scores = (ctypes.c_bool * n)(), (ctypes.c_double * n)()
        paths = (ctypes.c_char_p * n)(*(r["path"] for r in self.rows))
        prompts = (ctypes.c_char_p * n)(*(r["prompt"] for r in self.rows))
        goldpan.call("gp_embed_files", self.model, paths, n, None, images, ok, None)
        self.assertTrue(all(ok))
        goldpan.call("gp_encode_texts", self.model, prompts, n, None, texts)
        goldpan.call("gp_clip_score", images, texts, n, d, scores)
        for row, score in zip(self.rows, scores):
            self.assertAlmostEqual(row["score"], score, delta=0.0001)  # measured: 0
        clusters = goldpan.new("gp_hierarchy")
        goldpan.call("gp_hierarchy_build", images, n, d, None, byref(clusters))
        self.assertEqual(clusters.levels, self.analysis.levels)
        self.assertEqual(len(set(clusters.labels[:n])), clusters.sizes[0])
        goldpan.call("gp_hierarchy_clear", byref(clusters))

    def test_export(self):
        report = self.stage("gp_export", self.catalog, folder=self.at("exported"))
        with open(os.path.join(self.folder, "exported", "picks.csv"), encoding="utf-8", newline="") as file:
            exported = list(csv.DictReader(file))
        picked = sorted(r["path"] for r in self.rows if r["picked"])
        self.assertEqual(report.done, len(picked))
        self.assertEqual(len(exported), len(picked))
        self.assertEqual(len([f for f in os.listdir(os.path.join(self.folder, "exported")) if f.endswith(".png")]), len(picked))

    def test_stop(self):
        """A callback gets the caller's `user` pointer; if it returns false, the stage stops."""
        given = []
        catalog = goldpan.pointer()
        goldpan.call("gp_catalog_open", self.at("stopped.db"), goldpan.constants["GP_CATALOG_CREATE"], byref(catalog))
        options = goldpan.new("gp_add_options", roots=[os.fsencode(SAMPLE)], root_count=1, user=12345,
                              progress=lambda user, progress: given.append(user))
        with self.assertRaises(GoldpanError) as caught:
            goldpan.call("gp_add", catalog, byref(options), None)
        self.assertEqual(caught.exception.status, goldpan.constants["GP_ERR_STOPPED"])
        self.assertEqual(set(given), {12345})
        goldpan.call("gp_catalog_close", catalog)


if __name__ == "__main__":
    unittest.main()
