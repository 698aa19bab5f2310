# SPDX-License-Identifier: MIT
"""Images in BMP, GIF, TIFF, AVIF and JPEG XL through the whole command: notes of add, prompts in their metadata, marks
that stay when another program writes metadata, and what sites and the explorer show.
Usage: formats_test.py <goldpan>
"""
import glob
import json
import os
import shutil
import struct
import subprocess
import tempfile
import unittest
import urllib.request

from command import GOLDPAN, SOURCE, environment, goldpan, read

FILES = os.path.join(SOURCE, "tests", "golden", "images", "formats")
PROMPT = "a red fox"
BUILT = {"gif", "tif", "avif", "jxl"}  # formats that this goldpan reads; setUpModule removes the others


def setUpModule():
    for ending in list(BUILT):
        got = subprocess.run([GOLDPAN, "show", os.path.join(FILES, "a1111." + ending)], env=environment(), capture_output=True, text=True)
        if "was built without" in got.stderr:
            BUILT.remove(ending)


class FormatsTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="goldpan-test-")
        self.addCleanup(self.folder.cleanup)
        self.pictures = os.path.join(self.folder.name, "pictures")
        os.mkdir(self.pictures)

    def put(self, *names):
        for name in names:
            shutil.copy(os.path.join(FILES, name), self.pictures)

    def built(self, *names):
        return [n for n in names if n.rsplit(".", 1)[1] in BUILT | {"bmp"}]

    def add(self):
        done = json.loads(goldpan("add", self.pictures, "--json").stdout)
        return done["add"], {n["code"]: n["message"] for n in done["notes"]}

    def test_add_counts_formats_animations_and_videos(self):
        names = self.built("8bit.bmp", "palette.gif", "animated.gif", "RGB.tif", "420.avif", "rgb.jxl")
        self.put(*names)
        for other in ("clip.mp4", "clip.webm", "clip.mkv", "photo.heic"):
            with open(os.path.join(self.pictures, other), "w") as file:
                file.write("x")
        done, notes = self.add()
        self.assertEqual((done["done"], done["failed"]), (len(names), 0), done)
        self.assertIn("1 BMP", notes["formats"])
        self.assertIn("1 HEIC", notes["other-formats"])
        self.assertIn("3 video", notes["other-formats"])
        if "gif" in BUILT:
            self.assertIn("2 GIF", notes["formats"])
            self.assertIn("animated (1 GIF)", notes["animated"])

    def test_prompts(self):
        for ending in sorted(BUILT):
            path = os.path.join(FILES, "a1111." + ending)
            said = json.loads(goldpan("show", path, "--json", "--explain").stdout)
            shown = json.dumps(said)
            self.assertIn('"prompt": "%s"' % PROMPT, shown, path)
            self.assertIn("gif:comment" if ending == "gif" else "exif:UserComment", shown, path)

    def test_a_damaged_file_fails_with_its_name(self):
        for name in self.built("8bit.bmp", "palette.gif", "RGB.tif", "420.avif", "rgb.jxl"):
            data = read(FILES, name)
            with open(os.path.join(self.pictures, name), "wb") as file:
                file.write(data[:3] if name.endswith("jxl") else data[:20])
        got = subprocess.run([GOLDPAN, "add", self.pictures], env=environment(), capture_output=True, text=True)
        for name in self.built("8bit.bmp", "palette.gif", "RGB.tif", "420.avif", "rgb.jxl"):
            self.assertRegex(got.stderr, r"%s'?:? .*(damaged|truncated)" % name)

    def test_marks_stay_when_metadata_is_written(self):
        pairs = [("no-texts." + e, "texts." + e) for e in sorted(BUILT)]
        for plain, _ in pairs:
            self.put(plain)
        self.add()
        for plain, _ in pairs:
            goldpan("mark", os.path.join(self.pictures, plain), "--stars", "5")
        for plain, texts in pairs:
            shutil.copy(os.path.join(FILES, texts), os.path.join(self.pictures, plain))
        self.add()
        for plain, _ in pairs:
            shown = json.loads(goldpan("show", os.path.join(self.pictures, plain), "--json").stdout)
            self.assertIn('"stars": 5', json.dumps(shown), plain)

    def shown_files(self):
        """Returns address, type and the first bytes of each image that the page asks for."""
        catalog = os.path.join(self.pictures, ".goldpan", "catalog.db")
        rows = subprocess.run(["sqlite3", catalog, "SELECT lower(hex(hash)), format FROM images"], capture_output=True, text=True, check=True)
        kinds = {"tiff": ("png", "image/png", b"\x89PNG"), "jxl": ("png", "image/png", b"\x89PNG"), "gif": ("gif", "image/gif", b"GIF8"),
                 "avif": ("avif", "image/avif", b""), "bmp": ("bmp", "image/bmp", b"BM")}
        for row in rows.stdout.split():
            key, form = row.split("|")
            ending, kind, begin = kinds[form]
            yield "image/%s.%s" % (key, ending), kind, begin

    def test_site_and_explorer(self):
        names = self.built("8bit.bmp", "palette.gif", "turned-6.tif", "420.avif", "rgb.jxl")
        self.put(*names)
        self.add()
        site = os.path.join(self.folder.name, "site")
        catalog = os.path.join(self.pictures, ".goldpan", "catalog.db")
        goldpan("export", "--site", site, "--catalog", catalog)
        shown = list(self.shown_files())
        self.assertEqual(len(shown), len(names))
        server = subprocess.Popen([GOLDPAN, "explore", self.pictures, "--no-open", "--port", "0", "--json"], env=environment(), stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True)
        try:
            address = json.loads(server.stdout.readline())["url"]
            for name, kind, begin in shown:
                data = read(site, name)
                self.assertTrue(data.startswith(begin), name)
                with urllib.request.urlopen(address.rstrip("/") + "/" + name) as answer:
                    self.assertEqual(answer.headers["Content-Type"], kind)
                    self.assertTrue(answer.read().startswith(begin), name)
            if "tif" in BUILT:  # turned upright
                heights = [struct.unpack(">II", read(path)[16:24]) for path in glob.glob(os.path.join(site, "image", "*.png"))]
                self.assertIn((21, 34), heights)
        finally:
            server.terminate()
            server.wait()
            server.stdout.close()


if __name__ == "__main__":
    unittest.main()
