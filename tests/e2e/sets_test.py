# SPDX-License-Identifier: MIT
"""Tests of the data sets of goldpan export (--format): their contents with values that are hard to write, which files
are replaced, and images that cannot be exported.  PeerTest runs sets_peer.py, which reads each format by the program
that defines it; it is skipped (77) without these packages (GOLDPAN_SETS_PYTHON: a Python that has them).
Usage: sets_test.py GOLDPAN SetsTest|PeerTest
"""
import array
import base64
import glob
import html.parser
import json
import os
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
import unittest
import urllib.parse
import zlib

from command import SAMPLE, goldpan, read

PYTHON = os.environ.get("GOLDPAN_SETS_PYTHON") or sys.executable
LARGEST = 2 ** 64 - 1
# the names of the images, and what the table of prompts says about each; None: no row
ROWS = {
    "a b 100% #1?.png": {"prompt": 'a "quoted" cat, <b>bold</b> & \'more\'', "seed": LARGEST, "steps": 20, "cfg_scale": 7.5},
    "\u00fcml\u00e4ut \U0001f408.v1.2.png": {"prompt": "=1+1 \U0001f408\u200d\u2b1b a cat\nin two lines\tand a tab", "seed": 0, "sampler": "Euler a"},
    "-dash.png": {"prompt": "bell \x07 and escape \x1b[31m", "model": "a,b", "model_hash": "0123abcd", "steps": "many"},
    "plain.png": {"prompt": "a cat", "seed": -1, "loras": "x:0.8, y:1"},
    "sub/plain.png": {"prompt": "a cat", "cfg_scale": 7},
    "own.metadata.png": None,
    "without.png": None,
}
TEXTS = ("csv", "jsonl", "json", "parquet", "imagefolder", "fiftyone", "label-studio")
ALL = TEXTS + ("hf-parquet", "webdataset", "npy", "clip-retrieval", "html")


def grey_png(shade):
    """A PNG of 32 x 32 pixels with a gradient, without metadata."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    lines = b"".join(b"\0" + bytes((shade + 3 * x + 2 * y) % 256 for x in range(32)) for y in range(32))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 32, 32, 8, 0, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


def make_catalog(folder):
    """Returns the path of the catalog of the images in `folder`/p, and a list of them in `folder`/list.txt."""
    pictures, found = os.path.join(folder, "p"), sorted(glob.glob(os.path.join(SAMPLE, "*", "*.png")))
    table, paths = [], []
    for i, (name, row) in enumerate(ROWS.items()):
        path = os.path.join(pictures, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if name == "without.png":
            with open(path, "wb") as file:
                file.write(grey_png(40))
        else:
            shutil.copy(found[9 * i], path)
        paths.append(path)
        if row:
            table.append({"file_name": name, **row})
    with open(os.path.join(folder, "table.json"), "w", encoding="utf-8") as file:
        json.dump(table, file)
    with open(os.path.join(folder, "list.txt"), "w", encoding="utf-8") as file:
        file.write("\n".join(paths))
    goldpan("run", pictures, "-q", "--no-sheet", "--prompts", os.path.join(folder, "table.json"))
    catalog = os.path.join(pictures, ".goldpan", "catalog.db")
    goldpan("mark", os.path.join(pictures, "plain.png"), "--stars", "4", "--tag", "two words", "--tag", "caf\u00e9", "--catalog", catalog)
    return catalog


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="goldpan-sets-")
        cls.catalog = make_catalog(cls.folder)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    def export(self, name, *words, code=0, formats=ALL):
        """Exports all images.  Returns the folder and the object of --json."""
        out = os.path.join(self.folder, name)
        run = goldpan("export", out, "--list", os.path.join(self.folder, "list.txt"), "--format", ",".join(formats), "--json",
                      *words, "--catalog", self.catalog, code=code)
        return out, json.loads(run.stdout)


class SetsTest(Case):
    def test_records(self):
        out, said = self.export("records", formats=("json", "npy", "clip-retrieval", "fiftyone"))
        for file in said["files"]:
            self.assertEqual(os.path.getsize(file["path"]), file["bytes"])
        self.assertEqual({os.path.relpath(f["path"], out) for f in said["files"]}, {
            "picks.json", "metadata.json", "samples.json", "embeddings.npy", "embeddings.jsonl", "img_emb/img_emb_0.npy",
            "text_emb/text_emb_0.npy", "metadata/metadata_0.parquet"})
        with open(os.path.join(out, "picks.json"), encoding="utf-8") as file:
            records = {os.path.relpath(r["path"], os.path.join(self.folder, "p")): r for r in json.load(file)}
        self.assertEqual(set(records), set(ROWS))
        for name, row in ROWS.items():
            record = records[name]
            if row:
                self.assertEqual(record["prompt_raw"], row["prompt"])
                for key, want in row.items():  # other values are from the metadata of the file
                    if key != "prompt":
                        unusable = want in (-1, "many")
                        self.assertEqual(record["cfg" if key == "cfg_scale" else key], None if unusable else want)
            self.assertEqual(read(out, record["file"]), read(record["path"]))
        self.assertEqual((records["plain.png"]["tags"], records["plain.png"]["stars"]), (["caf\u00e9", "two words"], 4))
        self.assertEqual(records["own.metadata.png"]["generator"], "a1111")
        self.assertEqual((records["without.png"]["prompt"], records["without.png"]["score"], records["without.png"]["rank"]), (None, None, None))
        with open(os.path.join(out, "samples.json"), encoding="utf-8") as file:
            samples = json.load(file)["samples"]
        self.assertIn(str(LARGEST), [s["seed"] for s in samples])
        for sample in samples:
            self.assertTrue(os.path.isfile(os.path.join(out, sample["filepath"])))
            self.assertNotRegex(json.dumps(sample["cfg"]), "^[0-9]+$")  # FiftyOne would infer the type int
        self.check_vectors(out)

    def check_vectors(self, out):
        """The rows of the arrays belong to the records in the same order: their products are the scores."""
        def vectors(name):
            data = read(out, name)
            shape = eval(data[10:128])["shape"]
            values = array.array("f", data[128:])
            return [values[i * shape[1]:(i + 1) * shape[1]] for i in range(shape[0])]
        images, texts, own = vectors("img_emb/img_emb_0.npy"), vectors("text_emb/text_emb_0.npy"), vectors("embeddings.npy")
        with open(os.path.join(out, "embeddings.jsonl"), encoding="utf-8") as file:
            records = [json.loads(line) for line in file.read().rstrip("\n").split("\n")]
        self.assertEqual(len(records), len(images))
        self.assertEqual(images, own)
        for record, image, text in zip(records, images, texts):
            product = max(0, 100 * sum(a * b for a, b in zip(image, text)))
            self.assertAlmostEqual(product, record["score"] or 0, delta=1e-3)  # measured: 1e-5

    def test_webdataset(self):
        out, _ = self.export("web", formats=("webdataset",))
        self.assertEqual(sorted(os.listdir(out)), [".goldpan-sets", "00000.tar"])  # no copies of the files
        with tarfile.open(os.path.join(out, "00000.tar")) as tar:
            members = [(m.name, tar.extractfile(m).read()) for m in tar]
        self.assertEqual([name for name, _ in members],
                         ["%09d.%s" % (i, kind) for i in range(len(ROWS)) for kind in ("png", "txt", "json")])
        for image, text, about in zip(members[::3], members[1::3], members[2::3]):
            record = json.loads(about[1])
            self.assertEqual(image[1], read(record["path"]))
            self.assertEqual(text[1].decode(), record.get("prompt", ""))
            self.assertEqual(record["key"] + ".json", about[0])
            self.assertNotIn(None, record.values())  # `datasets` would infer the type null
        self.export("web2", "--copy", formats=("webdataset",))
        self.assertEqual(len(os.listdir(os.path.join(self.folder, "web2"))), 3 + len(ROWS))

    def test_label_studio(self):
        out, _ = self.export("a % b \u00fc", formats=("label-studio",))
        with open(os.path.join(out, "tasks.json"), encoding="utf-8") as file:
            tasks = json.load(file)
        self.assertEqual(len(tasks), len(ROWS))
        for task in tasks:
            address = urllib.parse.urlsplit(task["data"]["image"])
            self.assertEqual(address.path, "/data/local-files/")
            path = urllib.parse.parse_qs(address.query, strict_parsing=True)["d"][0]
            self.assertEqual(read(self.folder, path), read(task["data"]["path"]))
        out, _ = self.export("no files", "--no-files", formats=("label-studio",))
        with open(os.path.join(out, "tasks.json"), encoding="utf-8") as file:
            for task in json.load(file):
                path = urllib.parse.parse_qs(urllib.parse.urlsplit(task["data"]["image"]).query)["d"][0]
                self.assertEqual("/" + path, task["data"]["path"])

    def test_html(self):
        out, _ = self.export("html", formats=("html",))
        page = read(out, "report.html").decode()
        tags = []
        parser = html.parser.HTMLParser()
        parser.handle_starttag = lambda tag, attributes: tags.append((tag, dict(attributes)))
        parser.feed(page)
        self.assertFalse({"link", "iframe", "base", "object"} & {tag for tag, _ in tags})
        images = [about for tag, about in tags if tag == "img"]
        self.assertEqual(len(images), len(ROWS))
        for image in images:
            head, data = image["src"].split(",")
            self.assertEqual(head, "data:image/jpeg;base64")
            self.assertEqual(base64.b64decode(data, validate=True)[:3], b"\xff\xd8\xff")
        self.assertEqual({a.get("src", "data:")[:5] for _, a in tags} | {a.get("href", "data:")[:5] for _, a in tags}, {"data:"})
        self.assertIn("default-src 'none'", page)
        prompts = [about["data-prompt"] for tag, about in tags if tag == "figure"]
        self.assertIn(ROWS["a b 100% #1?.png"]["prompt"], prompts)
        self.assertNotIn("<b>bold", page)
        self.assertNotIn("\x1b", page)
        self.assertIn(str(LARGEST), page)

    def test_only_own_unchanged_files_are_replaced(self):
        for name, theirs in (("picks.json", "parquet,json"), ("00000.tar", "json,webdataset"), ("img_emb/img_emb_0.npy", "json,clip-retrieval")):
            out = os.path.join(self.folder, "theirs", os.path.basename(name))
            os.makedirs(os.path.join(out, os.path.dirname(name)), exist_ok=True)
            with open(os.path.join(out, name), "w") as file:
                file.write("my own")
            said = goldpan("export", out, "--all", "--no-files", "--format", theirs, "--catalog", self.catalog, code=2).stderr
            self.assertIn(name, said)
            self.assertEqual(read(out, name), b"my own")
            self.assertFalse([n for n in os.listdir(out) if n.endswith(".tmp")])
        first, _ = self.export("twice")
        before = {name: read(first, name) for name in os.listdir(first) if os.path.isfile(os.path.join(first, name))}
        self.export("twice")
        self.assertEqual(before, {name: read(first, name) for name in before})
        for name in ("picks.csv", "picks.jsonl", "metadata.csv", "picks.json"):  # edits that keep the size
            with open(os.path.join(first, name), "r+b") as file:
                file.seek(-3, os.SEEK_END)
                file.write(b"!")
            edited = read(first, name)
            format = "imagefolder" if name == "metadata.csv" else name.split(".")[1]
            said = goldpan("export", first, "--all", "--format", format, "--catalog", self.catalog, code=2).stderr
            self.assertIn(name + "' exists and is not", said)
            self.assertEqual(read(first, name), edited)
        with open(os.path.join(first, "picks.parquet"), "ab") as file:
            file.write(b"changed")
        said = goldpan("export", first, "--all", "--format", "parquet", "--catalog", self.catalog, code=2).stderr
        self.assertIn("picks.parquet' exists and is not", said)

    def undo(self, *words, code=0):
        return goldpan("undo", *words, "--catalog", self.catalog, code=code).stderr

    def test_undo_leaves_no_trace(self):
        out, _ = self.export("trace", "--no-files", formats=[f for f in ALL if f != "imagefolder"])
        self.assertTrue(os.path.exists(os.path.join(out, "img_emb", "img_emb_0.npy")))
        self.undo()
        self.assertFalse(os.path.exists(out))
        os.mkdir(out)
        self.export("trace", formats=("webdataset", "json", "csv"))
        with open(os.path.join(out, "picks.json"), "r+b") as file:
            file.write(b"{")  # the size stays
        self.assertIn("picks.json': its content has changed", self.undo(code=3))
        self.assertEqual(sorted(os.listdir(out)), [".goldpan-sets", "picks.json"])

    def test_undo_takes_back_one_export(self):
        out = os.path.join(self.folder, "owners")
        files = lambda: sorted(name for name in os.listdir(out) if name[0] != ".") if os.path.exists(out) else []
        self.export("owners", "--no-files", formats=("json", "html"))
        first = read(out, "picks.json")
        self.export("owners", "--no-files", formats=("json", "webdataset"))
        self.assertIn("1 table deleted, 1 table kept", self.undo())
        self.assertEqual(files(), ["picks.json", "report.html"])
        self.assertEqual(read(out, "picks.json"), first)
        self.undo()
        self.assertFalse(os.path.exists(out))
        # a table that a later export replaced goes with the last export that wrote it
        self.export("owners", "--no-files", formats=("json",))
        goldpan("export", out, "--no-files", "--all", "--tag", "two words", "--format", "json", "--catalog", self.catalog, code=2)
        goldpan("export", out, "--no-files", "--tag", "two words", "--format", "json", "--catalog", self.catalog)
        self.assertNotEqual(read(out, "picks.json"), first)
        self.assertIn("1 table kept", self.undo())
        self.assertIn("1 table deleted", self.undo())
        self.assertFalse(os.path.exists(out))
        # an export that finds every file in its place still counts as an export that can be undone
        for _ in range(2):
            goldpan("export", out, "--tag", "two words", "--catalog", self.catalog)
        self.assertIn("kept", self.undo())
        self.assertEqual(files(), ["picks.csv", "plain.png"])
        self.undo()
        self.assertFalse(os.path.exists(out))

    def test_images_that_cannot_be_exported(self):
        folder = tempfile.mkdtemp(dir=self.folder)
        catalog = make_catalog(folder)
        with open(os.path.join(folder, "p", "plain.png"), "ab") as file:
            file.write(b"more")
        for format, words in (("webdataset", ()), ("hf-parquet", ()), ("html", ()), ("webdataset", ("--copy",))):
            out = os.path.join(folder, format + "".join(words))
            run = goldpan("export", out, "--all", "--format", format, *words, "--json", "--catalog", catalog, code=3)
            report = json.loads(run.stdout)["export"]
            self.assertEqual((report["failed"], report["done"]), (1, len(ROWS) - 2), format)
            self.assertIn("has changed since it was added", run.stderr)
        with tarfile.open(os.path.join(out, "00000.tar")) as tar:
            self.assertEqual(len(tar.getnames()), 3 * (len(ROWS) - 2))

    def test_usage(self):
        for words, message in ((("--format", "paquet"), "did you mean 'parquet'"), (("--format", "spreadsheet"), "label-studio"),
                               (("--format", "json", "--embeddings"), "parquet or hf-parquet"), (("--embeddings",), "--format"),
                               (("--format", "json", "--shard-size", "0"), "--shard-size")):
            self.assertIn(message, goldpan("export", os.path.join(self.folder, "usage"), *words, "--catalog", self.catalog, code=2).stderr)
        out = os.path.join(self.folder, "spaces")
        goldpan("export", out, "--tag", "caf\u00e9", "--format", "json, html", "--catalog", self.catalog)
        self.assertEqual([r["tags"][0] for r in json.loads(read(out, "picks.json"))], ["caf\u00e9"])


class PeerTest(Case):
    def test_readers_agree(self):
        out, _ = self.export("peer", "--embeddings")
        folder, _ = self.export("imagefolder", formats=("imagefolder",))
        peer = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sets_peer.py")
        run = subprocess.run([PYTHON, peer, out, folder], capture_output=True, text=True)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)


if __name__ == "__main__":
    if "PeerTest" in sys.argv and subprocess.run([PYTHON, "-c", "import datasets, pandas, PIL, pyarrow, webdataset"], stderr=subprocess.DEVNULL).returncode:
        print("skipped: no Python with pyarrow, datasets and webdataset here")
        sys.exit(77)
    unittest.main(verbosity=1)
