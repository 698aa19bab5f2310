# SPDX-License-Identifier: MIT
"""Tests of goldpan's output files: goldpan outputs only files whose content has the hash in the catalog; killed runs
leave no temporary files; the user's files are not overwritten; names fit any folder; closed descriptors put no message
into a file. Usage: export_test.py <goldpan>
"""
import fcntl
import glob
import itertools
import os
import re
import shutil
import sqlite3
import struct
import subprocess
import tempfile
import unittest

from command import GOLDPAN, SAMPLE, environment, goldpan, read

MODES = ("--copy", "--hardlink", "--symlink")
# name of a temporary file of a process that cannot exist, because the process number is too large
LEFTOVER = ".goldpan-4194305-7.tmp"


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)
    return path


def vectors_file():
    """Writes 60 x 2 numbers as a NumPy file."""
    head = b"{'descr': '<f4', 'fortran_order': False, 'shape': (60, 2), }".ljust(117) + b"\n"
    return b"\x93NUMPY\x01\0v\0" + head + struct.pack("<120f", *[(i * 7919 % 1009) / 500 - 1 for i in range(120)])


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        os.makedirs(self.path("p"))

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def images(self, *names):
        found = sorted(glob.glob(os.path.join(SAMPLE, "**", "*.png"), recursive=True))
        for name, source in zip(names, found):
            os.makedirs(os.path.dirname(self.path("p", name)), exist_ok=True)
            shutil.copy(source, self.path("p", name))

    def catalog(self, *names):
        self.images(*names)
        goldpan("run", self.path("p"), "-q", "--no-sheet", "--no-analysis", "--per-prompt", "0")
        return self.path("p", ".goldpan", "catalog.db")


class Strangers(Case):
    """A catalog of a stranger may name any path, but cannot contain the hash of a file that the stranger does not
    have."""

    def outside(self):
        kinds = {"text": write(self.path("secret"), b"root:x:0:0\n"), "image": self.path("other.png"), "link": self.path("link.png"), "fifo": self.path("fifo.png"), "folder": self.path("p")}
        shutil.copy(sorted(glob.glob(os.path.join(SAMPLE, "**", "*.png"), recursive=True))[-1], kinds["image"])
        os.symlink(kinds["text"], kinds["link"])
        os.mkfifo(kinds["fifo"])
        return kinds

    def test_no_way_gives_out_another_file(self):
        catalog = self.catalog("a.png", "b.png", "c.png")
        for kind, secret in self.outside().items():
            with sqlite3.connect(catalog) as db:
                db.execute("UPDATE paths SET path = ? WHERE id = (SELECT min(id) FROM paths)", (secret,))
            db.close()
            for mode in MODES:
                out = self.path("out", kind + mode)
                said = goldpan("export", out, mode, "--all", "--catalog", catalog, code=3).stderr
                self.assertIn(secret, said)
                self.assertEqual(len([n for n in os.listdir(out) if n.endswith(".png")]), 2)
                self.assertFalse(os.path.lexists(os.path.join(out, os.path.basename(secret))))
            for images in ("originals", "resized", "none"):
                site = self.path("site-" + kind + images)
                goldpan("export", "--site", site, "--site-images", images, "--catalog", catalog, "-q", code=3)
                given = [read(where, n) for where, _, names in os.walk(site) for n in names]
                if kind != "folder":
                    self.assertNotIn(read(self.path("secret") if kind in ("link", "fifo") else secret), given)
            self.assertIn("1 image is not drawn", goldpan("sheet", self.path("s-" + kind + ".png"), "--catalog", catalog, code=3).stderr)

    def test_what_is_in_the_way_is_not_taken_for_the_image(self):
        """A link in the export folder to another file counts as another file, not as the exported image."""
        catalog = self.catalog("a.png", "b.png")
        secret = self.outside()["text"]
        with sqlite3.connect(catalog) as db:
            db.execute("UPDATE paths SET path = ? WHERE id = 1", (secret,))
        db.close()
        os.makedirs(self.path("out"))
        os.link(secret, self.path("out", "secret"))
        goldpan("export", self.path("out"), "--hardlink", "--all", "--catalog", catalog, code=3)
        self.assertEqual(sorted(n for n in os.listdir(self.path("out")) if "secret" in n), ["secret"])

    def test_changed_since(self):
        catalog = self.catalog("a.png", "b.png")
        write(self.path("p", "a.png"), read(self.path("p", "a.png")) + b"more")
        for mode in MODES:
            said = goldpan("export", self.path("out" + mode), mode, "--all", "--catalog", catalog, code=3).stderr
            self.assertIn("has changed since it was added", said)


class Choices(Case):
    """The options for whose pictures are exported; the explorer's dialog offers the same choices."""

    def test_mine_and_suggested_and_stars(self):
        self.images(*["%d.png" % i for i in range(8)])
        goldpan("run", self.path("p"), "-q", "--no-sheet", "--no-analysis")
        catalog = self.path("p", ".goldpan", "catalog.db")
        self.assertIn("you have picked no image", goldpan("export", self.path("none"), "--mine", "--catalog", catalog, code=4).stderr)
        with sqlite3.connect(catalog) as db:
            suggested = [row[0] for row in db.execute("SELECT image FROM picks")]
            prompt, mine = db.execute("SELECT prompt, image FROM image_prompts WHERE image NOT IN (SELECT image FROM picks) ORDER BY image LIMIT 1").fetchone()
            own = [row[0] for row in db.execute("SELECT image FROM image_prompts WHERE prompt = ?", (prompt,))]
            no = next(image for image in suggested if image not in own)
            db.execute("INSERT INTO ratings(image, flag, stars) VALUES(?, 1, 0), (?, -1, 4)", (mine, no))
            path = dict(db.execute("SELECT image, path FROM paths"))
        db.close()
        rest = [image for image in suggested if image not in own and image != no]
        for words, images in ((("--mine",), [mine]), (("--mine", "--suggested"), [mine, *rest]), (("--stars", "4"), [no]),
                              ((), [mine, *rest, *(image for image in suggested if image in own)])):
            out = self.path("out" + "".join(words))
            goldpan("export", out, *words, "--catalog", catalog)
            self.assertEqual(sorted(n for n in os.listdir(out) if n.endswith(".png")), sorted(os.path.basename(path[image]) for image in images), words)


class Lists(Case):
    """goldpan export --list."""

    def test_paths_and_hashes_export_the_same(self):
        catalog = self.catalog(*["%d.png" % i for i in range(6)])
        with sqlite3.connect(catalog) as db:
            images = db.execute("SELECT path, lower(hex(i.hash)) FROM paths p JOIN images i ON i.id = p.image ORDER BY path LIMIT 4").fetchall()
        db.close()
        for kind, lines in (("paths", [path for path, _ in images]), ("hashes", [image for _, image in images]),
                            ("relative", [os.path.relpath(path, self.folder) for path, _ in images])):
            for end in ("\n", "\r\n"):
                out = self.path("out", kind + str(len(end)))
                goldpan("export", out, "--list", "-", "--catalog", catalog, input="\ufeff" + end.join(lines), cwd=self.folder)
                self.assertEqual(sorted(n for n in os.listdir(out) if n.endswith(".png")), sorted(os.path.basename(path) for path, _ in images))

    def test_length_is_limited_by_the_catalog(self):
        catalog = self.catalog("a.png")
        path = self.path("p", "a.png")
        most = 2 * (1 + 1) + 10000
        goldpan("export", self.path("out"), "--list", "-", "--catalog", catalog, input=(path + "\n") * most)
        said = goldpan("export", self.path("more"), "--list", "-", "--catalog", catalog, input=(path + "\n") * (most + 1), code=1).stderr
        self.assertIn("has more than %d lines, but the catalog has only 1 image" % most, said)
        said = goldpan("export", self.path("more"), "--list", "-", "--catalog", catalog, input="x" * 4097, code=1).stderr
        self.assertIn("has more than 4096 bytes in line 1", said)
        self.assertFalse(os.path.exists(self.path("more")))


class Space(Case):
    def test_copies_that_do_not_fit_are_not_begun(self):
        catalog = self.catalog("a.png", "b.png", "c.png")
        disk = os.statvfs(self.folder)
        for name in ("a.png", "b.png"):  # sparse files, which use no space themselves
            os.truncate(self.path("p", name), disk.f_bavail * disk.f_frsize // 2 + (1 << 30))
        out = self.path("out")
        said = goldpan("export", out, "--all", "--catalog", catalog, code=1).stderr
        self.assertRegex(said, r"no space for the copies in folder '%s': the copies need \d+\.\d+ GB, but the disk has only \d+\.\d+ GB of free space; use --hardlink or --symlink" % re.escape(out))
        self.assertFalse(os.path.exists(out))
        for mode in ("--hardlink", "--symlink", "--no-files"):
            goldpan("export", out + mode, mode, "--all", "--catalog", catalog, code=0 if mode == "--no-files" else 3)
        self.assertEqual(len([n for n in os.listdir(out + "--symlink") if n.endswith(".png")]), 1)


class Leftovers(Case):
    def test_every_writer_removes_them(self):
        catalog = self.catalog("a.png", "b.png", "c.png", "d.png")
        write(self.path("t.txt"), b"a cat\na dog\n")
        write(self.path("v.npy"), vectors_file())
        vectors = ("--vectors", self.path("v.npy"), "-q", "--out")
        writers = {
            "export": lambda at: ("export", at, "--all", "--imagefolder", "--csv", "--jsonl", "--catalog", catalog),
            "sheet": lambda at: ("sheet", os.path.join(at, "s.jpg"), "--catalog", catalog),
            "embed": lambda at: ("embed", "--texts", self.path("t.txt"), "--out", os.path.join(at, "t.npy")),
            "neighbours": lambda at: ("neighbours", "-k", "1", *vectors, os.path.join(at, "n")),
            "cluster": lambda at: ("cluster", *vectors, os.path.join(at, "c.npy")),
            "map": lambda at: ("map", "--method", "pca", *vectors, os.path.join(at, "m.npy")),
        }
        for name, words in writers.items():
            with self.subTest(name):
                at = self.path("out-" + name)
                os.makedirs(at)
                write(os.path.join(at, LEFTOVER), b"part of an image")
                write(os.path.join(at, ".goldpan-mine.tmp"), b"not so named by goldpan")
                goldpan(*words(at))
                self.assertEqual([n for n in os.listdir(at) if n.endswith(".tmp")], [".goldpan-mine.tmp"])


class Names(Case):
    def exported(self, *names):
        catalog = self.catalog(*names)
        for _ in range(2):  # a second run gives the exported files the same names
            goldpan("export", self.path("out"), "--all", "--catalog", catalog, "-q")
        found = sorted(n for n in os.listdir(os.fsencode(self.path("out"))) if n.endswith(b".png"))
        originals = sorted(read(self.path("p", n)) for n in names)
        self.assertEqual(sorted(read(os.fsencode(self.path("out")), n) for n in found), originals)
        return found

    def test_255_bytes(self):
        name = "x" * 251 + ".png"
        found = self.exported("a/" + name, "b/" + name, "c/" + name)
        self.assertEqual(found, sorted([name.encode()] + [b"x" * 249 + b"-%d.png" % n for n in (2, 3)]))

    def test_cut_at_a_character(self):
        # the name has 254 bytes: to make room for "-2", goldpan removes a whole character, not half of one
        name = "\u00e4" * 125 + ".png"
        found = self.exported("a/" + name, "b/" + name)
        self.assertEqual(sorted(n.decode() for n in found), sorted([name, "\u00e4" * 124 + "-2.png"]))

    def test_names_cut_to_the_same(self):
        long = "x" * 249
        found = self.exported("a/" + long + "yy.png", "b/" + long + "yy.png", "a/" + long + "zz.png", "b/" + long + "zz.png")
        self.assertEqual(len(found), 4)
        self.assertLessEqual(max(map(len, found)), 255)

    def test_case_alone_is_no_difference(self):
        found = self.exported("a/Image.png", "b/IMAGE.png", "c/image.PNG".lower())
        self.assertEqual(len({n.lower() for n in found}), 3)


class Undo(Case):
    """goldpan export --name and --move, and goldpan undo."""

    def tree(self, *parts):
        """The content of each file, except goldpan's own."""
        top = self.path(*parts)
        return {os.path.relpath(os.path.join(at, name), top): read(at, name) for at, folders, names in os.walk(top) if ".goldpan" not in at for name in names}

    def undo(self, *words, code=0):
        return goldpan("undo", *words, "--catalog", self.path("p", ".goldpan", "catalog.db"), code=code).stderr

    def missing(self, catalog):
        with sqlite3.connect(catalog) as db:
            rows = db.execute("SELECT path FROM paths WHERE missing OR NOT (path LIKE ?)", (self.path("p") + "/%",)).fetchall()
        db.close()
        return rows

    def column(self, catalog, name):
        with sqlite3.connect(catalog) as db:
            rows = db.execute("SELECT %s FROM paths" % name).fetchall()
        db.close()
        return [row[0] for row in rows]

    def hostile(self, catalog, prompt, settings):
        with sqlite3.connect(catalog) as db:
            db.execute("UPDATE prompts SET text = ? || id", (prompt,))
            db.execute("UPDATE image_prompts SET settings = ?", (settings,))
        db.close()

    def test_names_stay_inside_the_folder(self):
        catalog = self.catalog("a.png", "b.png")
        cases = (("../../x/", "{prompt}/{stem}"), ("/etc/", "{prompt}"), ("..", "{settings.evil}"), ("CON", "{settings.evil}"),
                 ("x\u202egnp\n\t\x1b", "{prompt}"), ("\u00e4" * 300, "{prompt:.300}/{prompt:.300}{ext}"), (". .", "{prompt:.3}/{prompt:.3}"))
        for at, (value, pattern) in enumerate(cases):
            self.hostile(catalog, value, '{"evil": "%s"}' % value.replace("\n", "\\n").replace("\t", "\\t").replace("\x1b", "\\u001b"))
            out = self.path("safe%d" % at, "in")
            goldpan("export", out, "--all", "--name", pattern, "--catalog", catalog)
            self.assertEqual(os.listdir(self.path("safe%d" % at)), ["in"])
            names = [name for name in self.tree("safe%d" % at, "in") if name.endswith(".png")]
            self.assertEqual(len(names), 2, names)
            for part in (part for name in names for part in name.split("/")):
                self.assertLessEqual(len(os.fsencode(part)), 255)
                self.assertNotRegex(part, r'^[. ]|[. ]$|[\x00-\x1f\x7f<>:"|?*\u202e]|(?i:^con(\.|$))')
        for wrong in ("../x", "/x", "a/../b", "{nothing}", "{rank:x}", "a}", "{a", "a//b"):
            self.assertIn("the name", goldpan("export", self.path("wrong"), "--name", wrong, "--catalog", catalog, code=2).stderr)
        self.assertFalse(os.path.exists(self.path("wrong")))

    def test_link_below_the_folder_is_not_followed(self):
        catalog = self.catalog("a.png")
        os.makedirs(self.path("out")), os.makedirs(self.path("elsewhere"))
        os.symlink(self.path("elsewhere"), self.path("out", "sub"))
        goldpan("export", self.path("out"), "--all", "--name", "sub/{stem}", "--catalog", catalog)
        self.assertEqual(os.listdir(self.path("elsewhere")), [])
        self.assertTrue(os.path.isfile(self.path("out", "sub-2", "a.png")))

    def test_undo_deletes_only_what_goldpan_wrote(self):
        catalog = self.catalog("a.png", "b.png", "c.png")
        before = self.tree("p")
        for mode in MODES:
            out = "out" + mode
            goldpan("export", self.path(out), mode, "--all", "--name", "s/{name}", "--catalog", catalog)
            self.undo("--dry-run")
            self.assertEqual(len([n for n in self.tree(out) if n.endswith(".png")]), 3)
            os.remove(self.path(out, "s", "a.png"))
            write(self.path(out, "s", "a.png"), b"mine")
            said = self.undo(code=3)
            self.assertIn("a.png", said)
            self.assertEqual(self.tree(out), {"s/a.png": b"mine", "s/.goldpan-export": b"a.png\n"})
            self.assertEqual(self.tree("p"), before)
        goldpan("export", self.path("last"), "--all", "--catalog", catalog)
        os.remove(self.path("p", "b.png"))
        self.assertIn("the only copy", self.undo(code=3))
        self.assertEqual(self.tree("last")["b.png"], before["b.png"])

    def test_undo_knows_a_copy_by_another_path(self):
        catalog = self.catalog("s/a.png", "s/b.png")
        for mode in ("--copy", "--hardlink"):
            out = self.path("out" + mode)
            goldpan("export", out, mode, "--all", "--catalog", catalog)
            os.rename(self.path("p", "s"), self.path("kept"))
            for name in ("a.png", "b.png"):
                os.remove(self.path("kept", name))  # then each copy is the only file
            os.symlink(out, self.path("p", "s"))
            copies = self.tree("out" + mode)
            self.assertIn("the only copy", self.undo(code=3))
            table = {"picks.csv": None, ".goldpan-sets": None}
            self.assertEqual({**copies, **table}, {**self.tree("out" + mode), **table})
            os.remove(self.path("p", "s"))
            os.rename(self.path("kept"), self.path("p", "s"))
            self.images("s/a.png", "s/b.png")

    def test_undo_follows_an_original_that_is_a_link(self):
        catalog = self.catalog("a.png")
        os.rename(self.path("p", "a.png"), self.path("store.png"))
        os.symlink(self.path("store.png"), self.path("p", "a.png"))
        goldpan("export", self.path("out"), "--all", "--catalog", catalog)
        self.undo()
        self.assertFalse(os.path.exists(self.path("out")))

    def test_one_file_whose_metadata_cannot_be_left_out(self):
        catalog = self.catalog("a.png")
        gif = write(self.path("p", "b.gif"), b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\1\0\1\0\0\2\2D\1\0;")
        goldpan("add", self.path("p"), "-q")
        write(self.path("list.txt"), ("%s\n%s\n" % (gif, self.path("p", "a.png"))).encode())
        done = goldpan("export", self.path("out"), "--strip-metadata", "--list", self.path("list.txt"), "--catalog", catalog, code=3)
        self.assertIn("exported 1 to", done.stderr)
        self.assertIn("is a gif file, whose metadata", done.stderr)
        self.assertTrue(os.path.exists(self.path("out", "a.png")))

    def test_move_and_back(self):
        catalog = self.catalog("a.png", "b.png", "sub/c.png")
        before = self.tree("p")
        for out in (self.path("out"), self.path("p", "sorted"), tempfile.mkdtemp(dir="/dev/shm")):  # also another file system
            self.addCleanup(shutil.rmtree, out, True)
            goldpan("export", out, "--move", "--all", "--name", "{folder}/x_{name}", "--catalog", catalog)
            self.assertIn("paths missing        0", goldpan("status", "--catalog", catalog).stdout)
            self.assertFalse(os.path.exists(self.path("p", "a.png")))
            goldpan("export", self.path("copies"), "--all", "--catalog", catalog)
            self.undo()
            self.undo()
            self.assertEqual(self.tree("p"), before)
            self.assertEqual(self.missing(catalog), [])
        goldpan("export", self.path("out"), "--move", "--all", "--catalog", catalog)
        write(self.path("p", "a.png"), b"mine")  # the old path is taken
        self.assertIn("another file is at its old path now", self.undo(code=3))
        self.assertEqual(self.tree("out")["a.png"], before["a.png"])
        self.assertEqual(read(self.path("p", "a.png")), b"mine")

    def test_kill_loses_nothing(self):
        """Kills an export and an undo after different numbers of journal lines; each file stays whole, once."""
        catalog = self.catalog(*["%d.png" % i for i in range(12)])
        before = self.tree("p")
        journals = self.path("p", ".goldpan", "catalog.exports")
        for mode, out in itertools.product(("--move", "--copy"), (self.path("out"), tempfile.mkdtemp(dir="/dev/shm"))):
            self.addCleanup(shutil.rmtree, out, True)
            for lines in (2, 5, 9):
                for words in (("export", out, mode, "--all", "--name", "{index:02}/{name}"), ("undo",)):
                    self.kill_after(lines, journals, *words, "--catalog", catalog)
                    found = list(self.tree("p").values()) + [read(at, n) for at, _, names in os.walk(out) for n in names if n.endswith(".png")]
                    self.assertEqual(set(found), set(before.values()))
                    goldpan("add", self.path("p"), "-q", "--catalog", catalog)
                    self.assertNotIn(1, self.column(catalog, "missing"))
                subprocess.run([GOLDPAN, "undo", "-q", "--catalog", catalog], env=environment(), stderr=subprocess.DEVNULL, timeout=1800)
                self.assertEqual(self.tree("p"), before)
                self.assertEqual(self.missing(catalog), [])
                self.assertEqual([n for _, _, names in os.walk(out) for n in names if n.endswith(".png")], [])

    def kill_after(self, lines, journals, *words):
        """Kills the command when the newest journal has this many lines more, unless it ends before."""
        def size():
            names = os.listdir(journals) if os.path.isdir(journals) else []
            return sum(read(journals, name).count(b"\n") for name in names)
        first = size()
        with subprocess.Popen([GOLDPAN, *words], env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
            while run.poll() is None and size() < first + lines:
                pass
            run.kill()

    def test_two_exports_into_one_folder(self):
        catalog = self.catalog("a.png")
        os.makedirs(self.path("out"))
        folder = os.open(self.path("out"), os.O_RDONLY)
        self.addCleanup(os.close, folder)
        fcntl.flock(folder, fcntl.LOCK_EX)
        self.assertIn("works on folder", goldpan("export", self.path("out"), "--all", "--catalog", catalog, code=2).stderr)
        self.assertEqual(os.listdir(self.path("out")), [])


class Overwriting(Case):
    def refused(self, path, *words):
        write(path, b"mine")
        run = goldpan(*words, code=2)
        self.assertIn("--force", run.stderr)
        self.assertIn(path, run.stderr)
        self.assertEqual(read(path), b"mine")
        goldpan(*words, "--force")
        self.assertNotEqual(read(path), b"mine")

    def test_nothing_without_force(self):
        catalog = self.catalog("a.png", "b.png", "c.png")
        at = self.path
        write(at("t.txt"), b"a cat\n")
        write(at("v.npy"), vectors_file())
        self.refused(at("s.jpg"), "sheet", at("s.jpg"), "--catalog", catalog)
        self.refused(at("r.jpg"), "run", at("p"), "--no-analysis", "--per-prompt", "0", "--sheet", at("r.jpg"))
        self.refused(at("t.npy"), "embed", "--texts", at("t.txt"), "--out", at("t.npy"))
        self.refused(at("u.rows.jsonl"), "embed", "--texts", at("t.txt"), "--out", at("u.npy"))
        self.refused(at("n.ids.npy"), "neighbours", "--vectors", at("v.npy"), "-k", "1", "--out", at("n"))
        self.refused(at("k.distances.npy"), "neighbours", "--vectors", at("v.npy"), "-k", "1", "--out", at("k.npy"))
        self.refused(at("c.npy"), "cluster", "--vectors", at("v.npy"), "--out", at("c.npy"))
        self.refused(at("m.npy"), "map", "--method", "pca", "--vectors", at("v.npy"), "--out", at("m.npy"))
        # goldpan checks the output file before it searches for slices
        for words in (("--out", at("f.webp")), ("--frames", at("frames"))):
            os.makedirs(at("frames"), exist_ok=True)
            write(at("f.webp"), b"mine"), write(at("frames", "slice_03.png"), b"mine")
            self.assertIn("--force", goldpan("tour", at("p"), *words, code=2).stderr)
        # goldpan replaces its own contact sheet at the default path, but not a link or another file at this path
        goldpan("run", at("p"), "-q", "--no-analysis", "--per-prompt", "0")
        for put in (lambda: os.symlink(at("t.txt"), sheet), lambda: write(sheet, b"mine")):
            sheet = at("p", ".goldpan", "sheet.jpg")
            os.remove(sheet)
            put()
            self.assertIn("--force", goldpan("run", at("p"), "-q", "--no-analysis", "--per-prompt", "0", code=2).stderr)
        self.assertEqual(read(at("t.txt")), b"a cat\n")
        os.remove(sheet)
        goldpan("run", at("p"), "-q", "--no-analysis", "--per-prompt", "0")


class Descriptors(Case):
    def test_closed_in_every_combination(self):
        self.images("a.png", "b.png")
        write(self.path("p", "broken.png"), b"no image")
        for closed in itertools.chain.from_iterable(itertools.combinations((0, 1, 2), n) for n in range(4)):
            out = self.path("out%s.npy" % "".join(map(str, closed)))
            run = subprocess.run([GOLDPAN, "embed", "--images", self.path("p"), "--out", out], env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL, preexec_fn=lambda: [os.close(n) for n in closed], timeout=1800)
            self.assertEqual(run.returncode, 3, closed)
            for name in (out, out[:-4] + ".rows.jsonl"):
                self.assertEqual(read(name).replace(out.encode(), b""), read(name.replace(out[:-4], self.path("out"))), closed)

    def test_data_that_cannot_be_written_or_read(self):
        catalog = self.catalog("a.png")
        for words in (("status", "--catalog", catalog), ("show", self.path("p", "a.png"), "--json", "--catalog", catalog), ("help",)):
            run = subprocess.run([GOLDPAN, *words], env=environment(), stderr=subprocess.PIPE, text=True, preexec_fn=lambda: os.close(1), timeout=1800)
            self.assertEqual(run.returncode, 1, words)
            self.assertIn("standard output", run.stderr)
        run = subprocess.run([GOLDPAN, "embed", "--texts", "-", "--out", self.path("t.npy")], env=environment(), stderr=subprocess.PIPE, text=True,
                             preexec_fn=lambda: os.close(0), timeout=1800)
        self.assertEqual(run.returncode, 1)
        self.assertFalse(os.path.exists(self.path("t.npy")))


if __name__ == "__main__":
    unittest.main()
