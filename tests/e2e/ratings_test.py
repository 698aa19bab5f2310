# SPDX-License-Identifier: MIT
"""Tests that exiftool reads the ratings that goldpan writes, and that goldpan reads those that exiftool writes: PNG, JPEG,
WebP and sidecar files, also with packets in the forms of other programs.  Usage: ratings_test.py <goldpan>
"""
import json
import os
import shutil
import stat
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib

from command import GOLDPAN, SOURCE, environment, goldpan, read

if not shutil.which("exiftool"):
    print("skipped: exiftool is not installed")
    sys.exit(77)

IMAGES = os.path.join(SOURCE, "tests", "golden", "images", "in")
FILES = {"a.png": "edges-53x37.png", "b.jpg": "jpg-edges-17x15.jpg", "c.webp": "webp-lossy-q20.webp", "d.webp": "webp-1x1.webp"}
TAGS = ["käse & <brot>", "夜"]

RDF = ('<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
       '<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"'
       ' xmlns:lr="http://ns.adobe.com/lightroom/1.0/" xmlns:digiKam="http://www.digikam.org/ns/1.0/"'
       ' xmlns:darktable="http://darktable.sf.net/" xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/"'
       ' xmlns:xmpNote="http://ns.adobe.com/xmp/note/" %s</rdf:Description></rdf:RDF></x:xmpmeta>')
FORMS = {  # own-made, in the forms of these programs; each with a property that goldpan does not know
    "darktable": RDF % ('xmp:Rating="1" darktable:raw_params="0"><darktable:history><rdf:Seq><rdf:li darktable:num="0" '
                        'darktable:operation="exposure"/></rdf:Seq></darktable:history>'),
    "digikam": RDF % ('><xmp:Rating>0</xmp:Rating><digiKam:PickLabel>2</digiKam:PickLabel><digiKam:TagsList><rdf:Seq>'
                      '<rdf:li>People/Anna</rdf:li></rdf:Seq></digiKam:TagsList>'),
    "lightroom": RDF % ('crs:Exposure2012="+0.50" xmp:Label="Blue">\n <dc:subject>\n  <rdf:Bag>\n   <rdf:li>one</rdf:li>\n'
                        '  </rdf:Bag>\n </dc:subject><lr:hierarchicalSubject><rdf:Bag><rdf:li>a|one</rdf:li></rdf:Bag>'
                        '</lr:hierarchicalSubject>'),
}


def exiftool(*words):
    done = subprocess.run(["exiftool", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    return done.stdout.decode()


def tags_of(path):
    return json.loads(exiftool("-j", "-n", "-G1", "-a", path))[0]


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_with(png, packet, packed):
    """Inserts an iTXt with the packet after the header."""
    text = zlib.compress(packet) if packed else packet
    data = b"XML:com.adobe.xmp\0" + (b"\1\0" if packed else b"\0\0") + b"\0\0" + text
    return png[:33] + chunk(b"iTXt", data) + png[33:]


def segment(data):
    return b"\xff\xe1" + struct.pack(">H", len(data) + 2) + data


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        self.dir = os.path.join(self.folder, "p")
        os.makedirs(self.dir)
        self.catalog = os.path.join(self.folder, "catalog.db")

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, data):
        with open(self.path(name), "wb") as file:
            file.write(data)

    def run_goldpan(self, *words, code=0):
        return goldpan(*words, "--catalog", self.catalog, code=code)

    def ratings(self, verb, *words, code=0):
        return json.loads(self.run_goldpan("ratings", verb, self.dir, "--json", *words, code=code).stdout)

    def mark(self, *words):
        names = sorted(n for n in os.listdir(self.dir) if not n.endswith(".xmp"))
        self.run_goldpan("mark", *map(self.path, names), *words)

    def shown(self, name):
        return json.loads(self.run_goldpan("show", self.path(name), "--json").stdout)["images"][0]

    def add_all(self):
        for name, source in FILES.items():
            shutil.copy(os.path.join(IMAGES, source), self.path(name))
        self.run_goldpan("add", self.dir, "-q")

    def pixels(self, name):
        code = ("import sys; from PIL import Image; im = Image.open(sys.argv[1]); "
                "sys.stdout.buffer.write(repr((im.size, im.mode)).encode() + im.tobytes())")
        done = subprocess.run(["/usr/bin/python3", "-c", code, self.path(name)], stdout=subprocess.PIPE, timeout=120)
        return done.stdout

    def check_marks(self, found, where):
        """Compares what exiftool finds with the marks."""
        self.assertEqual(found["XMP-xmp:Rating"], 4, where)
        self.assertEqual(found["XMP-digiKam:PickLabel"], 3, where)
        self.assertEqual(found["XMP-xmpDM:Pick"], 1, where)
        self.assertEqual(found["XMP-xmp:Label"], "Red", where)
        self.assertEqual(sorted(found["XMP-dc:Subject"]), sorted(TAGS), where)

    def mark_all(self):
        self.mark("--stars", "4", "--pick", "--tag", TAGS[0], "--tag", TAGS[1], "--tag", "label:Red")


class RoundTrips(Case):
    def test_embedded(self):
        self.add_all()
        before = {n: self.pixels(n) for n in FILES}
        first = {n: self.shown(n)["hash"] for n in FILES}
        self.mark_all()
        self.assertEqual(self.ratings("write", "--embed", "-n")["done"], 4)
        self.assertEqual(tags_of(self.path("a.png")).get("XMP-xmp:Rating"), None)
        self.assertEqual(self.ratings("write", "--embed")["done"], 4)
        self.assertEqual(self.ratings("write", "--embed")["unchanged"], 4)
        for name in FILES:
            self.check_marks(tags_of(self.path(name)), name)
            self.assertEqual(exiftool("-validate", "-s3", self.path(name)).strip(), "OK", name)
            self.assertEqual(self.pixels(name), before[name], name)
            self.assertEqual(self.shown(name)["hash"], first[name], name)  # the catalog knows the new content
        self.run_goldpan("check")
        self.assertIn("added 0 images, 4 already known", self.run_goldpan("add", self.dir).stderr)
        out = os.path.join(self.folder, "out")
        self.run_goldpan("export", out, "--stars", "4")
        self.assertEqual(read(out, "a.png"), read(self.path("a.png")))
        fresh = os.path.join(self.folder, "fresh.db")  # another catalog reads the same marks
        goldpan("add", self.dir, "-q", "--catalog", fresh)
        report = json.loads(goldpan("ratings", "read", "--catalog", fresh, "--json").stdout)
        self.assertEqual((report["done"], report["failed"]), (4, 0))
        row = json.loads(goldpan("show", self.path("c.webp"), "--json", "--catalog", fresh).stdout)["images"][0]
        self.assertEqual((row["flag"], row["stars"], row["tags"]), (1, 4, sorted(TAGS + ["label:Red"])))

    def test_sidecars(self):
        self.add_all()
        self.mark_all()
        for style, name in (("darktable", "a.png.xmp"), ("adobe", "a.xmp")):
            self.assertEqual(self.ratings("write", "--sidecar", style)["done"], 4)
            self.assertEqual(self.ratings("write", "--sidecar", style)["unchanged"], 4)
            self.check_marks(tags_of(self.path(name)), name)
            fresh = os.path.join(self.folder, style + ".db")
            goldpan("add", self.dir, "-q", "--catalog", fresh)
            self.assertEqual(json.loads(goldpan("ratings", "read", "--catalog", fresh, "--json").stdout)["done"], 4)
            for file in os.listdir(self.dir):
                if file.endswith(".xmp"):
                    os.remove(self.path(file))

    def test_reject(self):
        self.add_all()
        self.mark("--reject", "--stars", "3")
        self.ratings("write", "--embed")
        for name in FILES:
            found = tags_of(self.path(name))
            self.assertEqual((found["XMP-xmp:Rating"], found["XMP-digiKam:PickLabel"], found["XMP-xmpDM:Pick"]), (-1, 1, -1))

    def test_exiftool_writes(self):
        self.add_all()
        for name in FILES:
            exiftool("-overwrite_original", "-XMP-xmp:Rating=2", "-XMP-digiKam:PickLabel=1", "-XMP-dc:Subject=" + TAGS[1],
                     "-XMP-dc:Subject=a, b", self.path(name))
        report = self.ratings("read")  # the catalog has not read the changed files
        self.assertEqual((report["done"], report["untagged"], report["failed"]), (4, 4, 0))
        for name in FILES:
            row = self.shown(name)
            self.assertEqual((row["flag"], row["stars"], row["tags"]), (-1, 2, [TAGS[1]]), name)


class Stripped(Case):
    def test_copies(self):
        self.add_all()
        self.write("e.png", read(SOURCE, "tests", "golden", "images", "in", "checker1-5x4.png"))
        self.run_goldpan("add", self.dir, "-q")
        self.mark_all()
        self.ratings("write", "--embed")
        shutil.copy(os.path.join(IMAGES, "jpg-exif-orientation-6.jpg"), self.path("f.jpg"))
        exiftool("-overwrite_original", "-Comment=a secret", "-EXIF:ImageDescription=a secret", self.path("f.jpg"))
        self.run_goldpan("add", self.dir, "-q")
        self.run_goldpan("mark", self.path("f.jpg"), "--stars", "4")
        out = os.path.join(self.folder, "out")
        export = ("export", out, "--stars", "4", "--strip-metadata")
        self.assertIn("exported 6 to", self.run_goldpan(*export).stderr)
        self.assertIn("exported 0 to", self.run_goldpan(*export).stderr)  # it recognises its own copies
        self.assertEqual(len([n for n in os.listdir(out) if n[-4:] in (".png", ".jpg", "webp")]), 6)
        for name in [*FILES, "e.png", "f.jpg"]:
            copy = os.path.join(out, name)
            groups = {key.split(":")[0] for key in tags_of(copy)}
            left = groups - {"SourceFile", "ExifTool", "System", "File", "PNG", "PNG-pHYs", "JFIF", "RIFF", "Composite"}
            self.assertEqual(left, {"IFD0"} if name == "f.jpg" else set(), name)
            self.assertNotIn(b"secret", read(copy))
            if name != "f.jpg":  # EXIF with the orientation alone lacks entries that ExifTool expects
                self.assertEqual(exiftool("-validate", "-s3", copy).strip()[:2], "OK", name)
        self.assertEqual(tags_of(os.path.join(out, "f.jpg"))["IFD0:Orientation"], 6)
        self.assertIn("--copy", self.run_goldpan("export", out, "--strip-metadata", "--copy", code=2).stderr)
        self.run_goldpan("undo", "2")  # it found its own copies, so the first export still has them
        self.run_goldpan("undo", "1")  # each copy has its original, although their bytes differ
        self.assertFalse(os.path.exists(os.path.join(out, "f.jpg")))


class Packets(Case):
    """Files that have a packet already."""

    def images(self, form):
        png, jpeg = read(IMAGES, FILES["a.png"]), read(IMAGES, FILES["b.jpg"])
        packet = FORMS[form].encode()
        self.write("plain.png", png_with(png, packet, False))
        self.write("packed.png", png_with(read(IMAGES, "checker1-5x4.png"), packet, True))
        self.write("j.jpg", jpeg[:2] + segment(b"http://ns.adobe.com/xap/1.0/\0" + packet) + jpeg[2:])
        self.run_goldpan("add", self.dir, "-q")

    def test_merge(self):
        for form in FORMS:
            self.images(form)
            self.mark("--stars", "4", "--tag", TAGS[0])
            before = {n: tags_of(self.path(n)) for n in ("plain.png", "packed.png", "j.jpg")}
            report = self.ratings("write", "--embed", "--replace")
            self.assertEqual((report["done"], report["failed"]), (3, 0), form)
            for name, old in before.items():
                new = tags_of(self.path(name))
                self.assertEqual(new["XMP-xmp:Rating"], 4)
                self.assertIn(TAGS[0], new["XMP-dc:Subject"])
                ours = ("Rating", "Subject", "PickLabel", "File", "System", "SourceFile")
                kept = [k for k in old if k.startswith("XMP-") and not k.endswith(ours)]
                self.assertGreaterEqual(len(kept), 1, form)
                for key in kept:
                    self.assertEqual(new[key], old[key], (form, name, key))

    def test_conflict(self):
        self.images("darktable")
        self.mark("--stars", "5")
        report = self.ratings("write", "--embed")
        self.assertEqual((report["done"], report["unchanged"], report["kept"]), (0, 3, 3))
        self.assertEqual(tags_of(self.path("j.jpg"))["XMP-xmp:Rating"], 1)
        self.assertEqual(self.ratings("read")["kept"], 3)
        self.assertEqual(self.shown("j.jpg")["stars"], 5)
        self.assertEqual(self.ratings("read", "--replace")["done"], 3)
        self.assertEqual(self.shown("j.jpg")["stars"], 1)

    def test_extended(self):
        """A JPEG with extended XMP keeps it."""
        guid = b"0123456789ABCDEF0123456789ABCDEF"
        long = (RDF % ('><dc:description><rdf:Alt><rdf:li xml:lang="x-default">%s</rdf:li></rdf:Alt></dc:description>' % ("y" * 500))).encode()
        extended = segment(b"http://ns.adobe.com/xmp/extension/\0" + guid + struct.pack(">II", len(long), 0) + long)
        main = RDF % ('xmpNote:HasExtendedXMP="%s">' % guid.decode())
        jpeg = read(IMAGES, FILES["b.jpg"])
        self.write("e.jpg", jpeg[:2] + segment(b"http://ns.adobe.com/xap/1.0/\0" + main.encode()) + extended + jpeg[2:])
        self.run_goldpan("add", self.dir, "-q")
        self.mark("--stars", "4")
        self.ratings("write", "--embed")
        self.assertIn(extended, read(self.path("e.jpg")))
        self.assertEqual(tags_of(self.path("e.jpg"))["XMP-xmp:Rating"], 4)

    def test_sidecar_wins(self):
        """A sidecar file in darktable's style comes before one in Adobe's style, and both before the image."""
        self.images("darktable")
        self.write("j.jpg.xmp", (RDF % 'xmp:Rating="2">').encode())
        self.write("j.xmp", (RDF % 'xmp:Rating="3" xmp:Label="Green">').encode())
        self.ratings("read")
        row = self.shown("j.jpg")
        self.assertEqual((row["stars"], row["tags"]), (2, ["label:Green"]))


class Refusals(Case):
    def refuse(self, *words, says):
        self.mark("--stars", "4")
        before = {n: read(self.path(n)) for n in os.listdir(self.dir)}
        done = self.run_goldpan("ratings", "write", self.dir, "--json", *words, code=3)
        report = json.loads(done.stdout)
        self.assertEqual(report["failed"], 1)
        self.assertIn(says, report["failures"][0]["message"])
        self.assertIn(says, done.stderr)
        for name, data in before.items():
            self.assertEqual(read(self.path(name)), data)
        self.assertEqual(sorted(os.listdir(self.dir)), sorted(before))

    def one(self, name="a.png", data=None):
        self.write(name, data or read(IMAGES, FILES["a.png"]))
        self.run_goldpan("add", self.dir, "-q")

    def test_read_only_file(self):
        self.one()
        os.chmod(self.path("a.png"), 0o444)
        self.refuse("--embed", says="read-only")

    @unittest.skipIf(os.geteuid() == 0, "root may write to any folder")
    def test_read_only_folder(self):
        self.one()
        os.chmod(self.dir, 0o555)
        self.addCleanup(os.chmod, self.dir, 0o755)
        self.refuse("--embed", says="cannot write in folder")

    def test_damaged_packet(self):
        self.one(data=png_with(read(IMAGES, FILES["a.png"]), b"<x:xmpmeta><rdf:RDF>", False))
        self.refuse("--embed", says="XMP is not well-formed")

    def test_damaged_sidecar(self):
        self.one()
        self.write("a.png.xmp", b"<!DOCTYPE x [<!ENTITY a 'b'>]><x/>")
        self.mark("--stars", "4")
        self.assertIn("document type", self.run_goldpan("ratings", "write", self.dir, code=3).stderr)
        self.assertIn("document type", self.run_goldpan("ratings", "read", self.dir, code=3).stderr)

    def test_credentials(self):
        png = read(IMAGES, FILES["a.png"])
        self.one(data=png[:33] + chunk(b"caBX", b"jumb") + png[33:])
        self.refuse("--embed", says="Content Credentials")

    def test_changed(self):
        self.one()
        self.write("a.png", read(IMAGES, "checker1-5x4.png"))
        self.refuse("--embed", says="has changed since it was added")

    def test_shared_stem(self):
        self.one()
        self.write("a.dng", b"another image")
        self.run_goldpan("mark", self.path("a.png"), "--stars", "4")
        done = self.run_goldpan("ratings", "write", self.path("a.png"), "--sidecar", "adobe", code=3)
        self.assertIn("may also belong to 'a.dng'", done.stderr)

    def test_kept_attributes(self):
        self.one()
        os.chmod(self.path("a.png"), 0o640)
        os.utime(self.path("a.png"), ns=(10**18, 10**18))
        self.run_goldpan("add", self.dir, "-q")
        self.mark("--stars", "4")
        self.ratings("write", "--embed", "--keep-time")
        about = os.stat(self.path("a.png"))
        self.assertEqual((stat.S_IMODE(about.st_mode), about.st_mtime_ns), (0o640, 10**18))
        self.assertEqual(self.shown("a.png")["stars"], 4)


if __name__ == "__main__":
    unittest.main()
