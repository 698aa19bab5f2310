# SPDX-License-Identifier: MIT
"""The static site: all files of its manifest exist and are right, no path of the source disk is published, and the
folder that the site replaces is safe.
Usage: site_test.py <goldpan>
"""
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import sqlite3
import struct
import subprocess
import tempfile
import time
import unittest
import zlib

from command import GOLDPAN, SAMPLE, SOURCE, environment, goldpan, read

NONE = 0xFFFFFFFF
LARGEST = 1 << 20  # maximum size in bytes of a data file or page file of the site
SIZES = {"f32": 4, "f64": 8, "u32": 4, "u8": 1, "i8": 1, "code": 4, "hash": 16}


def texts(table):
    count, = struct.unpack_from("<I", table)
    at = struct.unpack_from("<%dI" % (count + 1), table, 4)
    body = table[4 * (count + 2):]
    assert at[0] == 0 and at[-1] == len(body)
    return [body[a:b].decode() for a, b in zip(at, at[1:])]


def jpeg_size(data):
    """Returns width and height, and reads all segments to the end, so that a truncated file fails."""
    assert data[:2] == b"\xff\xd8" and data[-2:] == b"\xff\xd9"
    at = 2
    while True:
        assert data[at] == 0xFF
        kind, length = data[at + 1], struct.unpack_from(">H", data, at + 2)[0]
        if kind in (0xC0, 0xC1, 0xC2):
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        at += 2 + length


def fingerprint(folder):
    """Returns every file with its content."""
    found = {}
    for where, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(where, name)
            found[os.path.relpath(path, folder)] = hashlib.sha256(read(path)).hexdigest()
    return found


class Site(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="goldpan-test-")
        cls.pictures = os.path.join(cls.folder.name, "where it lies")
        os.mkdir(cls.pictures)
        for name in sorted(os.listdir(SAMPLE)):
            if os.path.isdir(os.path.join(SAMPLE, name)):
                shutil.copytree(os.path.join(SAMPLE, name), os.path.join(cls.pictures, name))
        table = os.path.join(cls.folder.name, "prompts.csv")
        with open(table, "w", encoding="utf-8") as file:  # a column with the original paths, which a site must not show
            file.write("file,prompt,origin\n")
            for name in sorted(os.listdir(os.path.join(cls.pictures, "food"))):
                path = os.path.join(cls.pictures, "food", name)
                file.write("%s,a drawing of food,%s\n" % (path, path.replace("food", "once")))
        cls.big = os.path.join(cls.pictures, "big.png")
        cls.write_big(cls.big)
        cls.catalog = os.path.join(cls.pictures, ".goldpan", "catalog.db")
        goldpan("run", cls.pictures, "--prompts", table, "--model", os.path.join(SOURCE, "models", "drawn-world-mini"), "--no-sheet")
        cls.originals = os.path.join(cls.folder.name, "originals")
        cls.said = goldpan("export", "--site", cls.originals, "--catalog", cls.catalog)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    @staticmethod
    def write_big(path):
        """Writes a PNG of 1600 x 900, larger than a site's resized images, and of more than LARGEST bytes because a
        part of it is noise."""

        def chunk(kind, body):
            return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        slope = b"\0" + bytes(x * 255 // 1599 for x in range(1600) for _ in range(3))
        noise = random.Random(3).randbytes
        rows = slope * 600 + b"".join(b"\0" + noise(4800) for _ in range(300))
        with open(path, "wb") as file:
            file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1600, 900, 8, 2, 0, 0, 0)) +
                       chunk(b"tEXt", b"parameters\0a grey slope\nSteps: 20, Seed: 1") +
                       chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))

    def place(self, name):
        return os.path.join(self.folder.name, name)

    def sql(self, query):
        db = sqlite3.connect(self.catalog)
        rows = db.execute(query).fetchall()
        db.close()
        return rows

    def beside(self):
        return [name for name in os.listdir(self.folder.name) if name.startswith(".")]

    # -- what is in it

    def check(self, site):
        """Checks that all files of the manifest exist and have the right size.  Returns the manifest and the columns
        by name."""
        with open(os.path.join(site, "data", "catalog.json"), encoding="utf-8") as file:
            manifest = json.load(file)
        self.assertEqual((manifest["live"], manifest["readonly"], manifest["catalog"]), (False, True, None))
        self.assertEqual(manifest["search"], {"text": False, "image": False, "like": False})
        self.assertEqual(manifest["thumbs"], [256, 512])
        count, columns = manifest["count"], {}
        self.assertEqual(count, self.sql("SELECT count(*) FROM v_images")[0][0])
        for column in manifest["columns"]:
            self.assertNotIn("?", column["file"])
            data = read(site, column["file"])
            words = texts(read(site, column["words"])) if column["words"] else None
            if column["type"] == "text":
                columns[column["name"]] = texts(data)
                self.assertEqual(len(columns[column["name"]]), count)
                continue
            self.assertEqual(len(data), count * SIZES[column["type"]], column["name"])
            if column["type"] == "hash":
                columns["hash"] = [data[at:at + 16].hex() for at in range(0, len(data), 16)]
            elif words is not None:
                codes = struct.unpack("<%dI" % count, data)
                self.assertTrue(all(code == NONE or code < len(words) for code in codes), column["name"])
                columns[column["name"]] = [None if code == NONE else words[code] for code in codes]
            else:
                kind = {"f32": "f", "f64": "d", "u32": "I", "u8": "B", "i8": "b"}[column["type"]]
                columns[column["name"]] = struct.unpack("<%d%s" % (count, kind), data)
        self.check_slices(site, manifest)
        rows = []
        for k in range((count + 63) // 64):
            with open(os.path.join(site, "data", "detail", "%d.json" % k), encoding="utf-8") as file:
                rows += json.load(file)
        self.assertEqual([row["row"] for row in rows], list(range(count)))
        self.assertEqual([row["hash"] for row in rows], columns["hash"])
        self.assertEqual([row["paths"][0] for row in rows], columns["path"])
        for row, (width, height) in enumerate(zip(columns["width"], columns["height"])):
            for side in manifest["thumbs"]:
                self.check_jpeg(os.path.join(site, "thumb", str(side), columns["hash"][row] + ".jpg"), width, height, side)
        self.check_page(site)
        return manifest, columns

    def check_slices(self, site, manifest):
        slices = manifest["slices"]
        numbers = read(site, manifest["slices_file"])
        first = struct.unpack_from("<%dI" % (len(slices) + 1), numbers)
        self.assertEqual([b - a for a, b in zip(first, first[1:])], [s["support"] for s in slices])
        self.assertEqual(len(numbers), 4 * (len(slices) + 1 + first[-1]))

    def check_jpeg(self, path, width, height, side):
        w, h = jpeg_size(read(path))
        scale = min(1, side / max(width, height))
        self.assertLessEqual(abs(w - width * scale), 1)
        self.assertLessEqual(abs(h - height * scale), 1)
        self.assertLessEqual(max(w, h), side)

    def check_page(self, site):
        page = read(site, "index.html").decode()
        policy = page.split('<meta http-equiv="Content-Security-Policy" content="')
        self.assertEqual(len(policy), 2)
        self.assertTrue(policy[0].endswith("<head>"), "the policy is not the first thing in the head")
        self.assertTrue(policy[1].startswith("default-src 'none'; script-src 'self'; style-src 'self'; "))
        for name in os.listdir(os.path.join(site, "assets")):
            self.assertNotEqual(read(site, "assets", name)[:2], b"\x1f\x8b", name + " is still packed")
        for quote in page.split('"')[1::2]:
            if quote.startswith("./") or quote.startswith("/"):
                self.assertTrue(quote.startswith("./") and os.path.isfile(os.path.join(site, quote)), quote)

    def test_originals(self):
        manifest, columns = self.check(self.originals)
        self.assertIsNone(manifest["image_ext"])
        paths = {bytes(h).hex(): path for h, path in self.sql("SELECT i.hash, p.path FROM images i JOIN paths p ON p.image = i.id")}
        self.assertEqual(sorted(os.listdir(os.path.join(self.originals, "image"))), sorted(h + ".png" for h in paths))
        for h, path in paths.items():
            self.assertEqual(read(self.originals, "image", h + ".png"), read(path))
        self.assertEqual(sorted(columns["path"]), sorted(os.path.basename(path) for path in paths.values()))

    def test_resized(self):
        site = self.place("resized")
        told = json.loads(goldpan("export", "--site", site, "--site-images", "resized", "--catalog", self.catalog, "--json").stdout)
        self.assertEqual((told["site"], told["images"]), (site, "resized"))
        self.assertEqual(told["export"]["failed"], 0)
        manifest, columns = self.check(site)
        self.assertEqual(told["export"]["done"], manifest["count"])
        self.assertEqual(manifest["image_ext"], "jpg")
        for h, width, height in zip(columns["hash"], columns["width"], columns["height"]):
            self.check_jpeg(os.path.join(site, "image", h + ".jpg"), width, height, 1280)
        self.assertEqual(max(columns["width"]), 1600)

    def test_thumbnails_only(self):
        site = self.place("none")
        goldpan("export", "--site", site, "--site-images", "none", "--catalog", self.catalog)
        self.assertEqual(self.check(site)[0]["image_ext"], "none")
        self.assertEqual(os.listdir(os.path.join(site, "image")), [])

    def test_nearest_are_the_nearest(self):
        manifest, columns = self.check(self.originals)
        k = manifest["near"]["k"]
        near = struct.unpack("<%dI" % (manifest["count"] * k), read(self.originals, manifest["near"]["file"]))
        vectors = {}
        for h, vector in self.sql("SELECT i.hash, e.vector FROM image_embeddings e JOIN images i ON i.id = e.image"):
            v = struct.unpack("<%df" % (len(vector) // 4), vector)
            length = sum(x * x for x in v) ** 0.5
            vectors[bytes(h).hex()] = [x / length for x in v]
        rows = [vectors[h] for h in columns["hash"]]
        apart = {h for (h,) in self.sql("SELECT hash FROM v_images WHERE apart IS NOT NULL")}
        # the black image must not be a neighbour of any image
        candidates = {row for row, h in enumerate(columns["hash"]) if h not in apart}
        for at in sorted(candidates)[::7]:
            likeness = [sum(a * b for a, b in zip(rows[at], other)) for other in rows]
            found = near[at * k:(at + 1) * k]
            self.assertEqual(len(set(found) - {at, NONE}), k)
            best = sorted((likeness[other] for other in candidates if other != at), reverse=True)[:k]
            # the test compares similarities and not rows, because two rows may be equally similar
            for row, value in zip(found, best):
                self.assertAlmostEqual(likeness[row], value, delta=1e-6)

    def test_nothing_tells_where_it_came_from(self):
        for h in fingerprint(self.originals):
            if h.startswith("image/"):
                continue  # originals are exact copies
            data = read(self.originals, h)
            for secret in (self.folder.name, self.pictures, "where it lies/", SOURCE, os.path.expanduser("~/")):
                self.assertNotIn(secret.encode(), data, h)
        _, columns = self.check(self.originals)
        known = [value for value in columns["settings.origin"] if value]
        self.assertTrue(known and all("/" not in value and value.endswith(".png") for value in known))

    def test_same_whatever_the_threads(self):
        first, second = self.place("one"), self.place("four")
        goldpan("export", "--site", first, "--catalog", self.catalog, "--threads", "1")
        goldpan("export", "--site", second, "--catalog", self.catalog, "--threads", "4")
        self.assertEqual(fingerprint(first), fingerprint(second))
        self.assertEqual(fingerprint(first), fingerprint(self.originals))

    # -- the folder

    def test_replaces_its_own_and_takes_along_what_is_not(self):
        site = self.place("again")
        goldpan("export", "--site", site, "--catalog", self.catalog)
        os.mkdir(os.path.join(site, ".git"))
        for name in (".git/HEAD", "CNAME", "data/stale.bin"):
            with open(os.path.join(site, name), "w", encoding="utf-8") as file:
                file.write(name)
        goldpan("export", "--site", site, "--site-images", "none", "--catalog", self.catalog)
        self.assertEqual((read(site, ".git/HEAD"), read(site, "CNAME")), (b".git/HEAD", b"CNAME"))
        self.assertFalse(os.path.exists(os.path.join(site, "data/stale.bin")))
        self.assertEqual(self.check(site)[0]["image_ext"], "none")
        self.assertEqual(self.beside(), [])

    def test_an_empty_folder_and_a_link_to_a_folder(self):
        empty, link = self.place("empty"), self.place("link")
        os.mkdir(empty)
        os.symlink("empty", link)
        for target in (empty, link, link):
            goldpan("export", "--site", target, "--site-images", "none", "--catalog", self.catalog)
            self.assertTrue(os.path.islink(link))
            self.assertTrue(os.path.exists(os.path.join(empty, ".goldpan-site")))

    def test_a_foreign_folder_is_refused(self):
        foreign = self.place("foreign")
        os.mkdir(foreign)
        with open(os.path.join(foreign, "index.html"), "w", encoding="utf-8") as file:
            file.write("mine")
        run = goldpan("export", "--site", foreign, "--catalog", self.catalog, code=2)
        self.assertIn("is not a site that goldpan wrote", run.stderr)
        self.assertEqual((os.listdir(foreign), read(foreign, "index.html")), (["index.html"], b"mine"))
        # a folder that has the name of goldpan's hidden folder, but not goldpan's mark, is not replaced
        hidden = self.place(".other.goldpan-part")
        os.mkdir(hidden)
        shutil.copy(os.path.join(foreign, "index.html"), hidden)
        run = goldpan("export", "--site", self.place("other"), "--catalog", self.catalog, code=2)
        self.assertIn("was not written by goldpan: move or rename it", run.stderr)
        self.assertEqual(os.listdir(hidden), ["index.html"])
        shutil.rmtree(hidden)
        self.assertEqual(self.beside(), [])

    def test_words_that_do_not_go_together(self):
        for words in (["out", "--site", "x"], ["--site", "x", "--csv"], ["out", "--site-images", "none"], []):
            goldpan("export", *words, "--catalog", self.catalog, code=2)
        self.assertFalse(os.path.exists("x"))

    def test_killed_at_any_time_the_old_site_is_whole(self):
        site = self.place("killed")
        goldpan("export", "--site", site, "--site-images", "none", "--catalog", self.catalog)
        old = fingerprint(site)
        start = time.monotonic()
        goldpan("export", "--site", self.place("timed"), "--catalog", self.catalog)
        new, whole = fingerprint(self.place("timed")), time.monotonic() - start
        for part in range(1, 12):
            run = subprocess.Popen([GOLDPAN, "export", "--site", site, "--catalog", self.catalog], env=environment(),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(whole * part / 12)
            run.send_signal(signal.SIGKILL)
            run.wait()
            self.assertIn(fingerprint(site), (old, new))
        goldpan("export", "--site", site, "--catalog", self.catalog)
        self.assertEqual(fingerprint(site), new)
        self.assertEqual(self.beside(), [])

    def test_a_disk_that_is_full_ends_it_and_the_old_site_stays(self):
        def small_files():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST, LARGEST))
        site = self.place("full")
        goldpan("export", "--site", site, "--site-images", "none", "--catalog", self.catalog)
        old = fingerprint(site)
        run = subprocess.run([GOLDPAN, "export", "--site", site, "--catalog", self.catalog], env=environment(), stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, preexec_fn=small_files)
        self.assertEqual(run.returncode, 1, run.stderr)
        self.assertIn("cannot write", run.stderr)
        self.assertEqual(fingerprint(site), old)
        self.assertEqual(self.beside(), [])
        self.assertEqual(self.sql("SELECT count(*) FROM failures"), [(0,)])  # no picture's fault

    def test_interrupted_it_cleans_up(self):
        site = self.place("interrupted")
        for part in (2, 5, 8):
            run = subprocess.Popen([GOLDPAN, "export", "--site", site, "--catalog", self.catalog], env=environment(),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(0.04 * part)
            run.send_signal(signal.SIGINT)
            # -SIGINT: the signal arrives before goldpan sets its handler; 130: during the export; 0: after the export
            self.assertIn(run.wait(), (0, 130, -signal.SIGINT))
            self.assertEqual(self.beside(), [])

    def test_two_at_once_do_not_meet(self):
        """Of two exports at once, the second stops with an error or runs after the first; they never mix their
        files."""
        site = self.place("twice")
        words = [GOLDPAN, "export", "--site", site, "--catalog", self.catalog]
        for _ in range(3):
            runs = [subprocess.Popen(words, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for _ in range(3)]
            ends = [(run.communicate()[1].decode(), run.returncode) for run in runs]
            self.assertIn(0, [code for _, code in ends])
            for said, code in ends:
                self.assertTrue(code == 0 or (code == 2 and "is running" in said), (code, said))
            self.assertEqual(fingerprint(site), fingerprint(self.originals))

    def test_pictures_that_cannot_be_read_are_counted(self):
        site = self.place("holes")
        gone, = self.sql("SELECT i.hash, p.path FROM images i JOIN paths p ON p.image = i.id WHERE p.path LIKE '%/people/%' LIMIT 1")
        changed, = self.sql("SELECT i.hash, p.path FROM images i JOIN paths p ON p.image = i.id WHERE p.path LIKE '%/plants/%' LIMIT 1")
        kept = read(changed[1])
        os.rename(gone[1], gone[1] + ".away")
        with open(changed[1], "wb") as file:
            file.write(kept[:-1] + b"!")
        try:
            run = goldpan("export", "--site", site, "--catalog", self.catalog, "--json", code=3)
        finally:
            os.rename(gone[1] + ".away", gone[1])
            with open(changed[1], "wb") as file:
                file.write(kept)
        self.assertEqual(json.loads(run.stdout)["export"]["failed"], 2)
        self.assertIn("2 files failed", run.stderr)
        for h, _ in (gone, changed):
            self.assertFalse(os.path.exists(os.path.join(site, "image", bytes(h).hex() + ".png")))
        record = "SELECT path, stage FROM failures ORDER BY path"
        self.assertEqual(self.sql(record), sorted([(gone[1], "export"), (changed[1], "export")]))
        goldpan("export", "--site", site, "--catalog", self.catalog)
        # when an image can be read again, its failure is removed from the catalog
        self.assertEqual(self.sql(record), [])
        self.check(site)

    def test_says_how_to_look_at_it(self):
        self.assertIn("python3 -m http.server -d '%s'" % self.originals, self.said.stderr)

    def test_without_scores_and_without_images(self):
        catalog, site = self.place("unscored.db"), self.place("unscored")
        goldpan("add", os.path.join(self.pictures, "shapes"), "--catalog", catalog)
        goldpan("export", "--site", site, "--catalog", catalog)
        with open(os.path.join(site, "data", "catalog.json"), encoding="utf-8") as file:
            manifest = json.load(file)
        self.assertIsNone(manifest["near"])
        self.assertFalse(os.path.exists(os.path.join(site, "data", "near.bin")))


if __name__ == "__main__":
    unittest.main()
