# SPDX-License-Identifier: MIT
"""Tests the data that the page reads: compares the size and content of every address in docs/api.md with the catalog,
and checks the headers."""
import gzip
import os
import re
import shutil
import struct
import unittest

import served
from served import Server, sql

ALWAYS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "x-frame-options": "DENY",
}
SIZES = {"f32": 4, "f64": 8, "u32": 4, "u8": 1, "i8": 1, "code": 4, "hash": 16}


class Reading(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(served.pictures)
        cls.manifest = cls.server.manifest()
        cls.hashes = cls.server.column("hash", cls.manifest)

    @classmethod
    def tearDownClass(cls):
        with cls.server:
            pass

    def well(self, answer, status=200, kind=None, forever=False):
        self.assertEqual(answer.status, status, answer.body[:200])
        for name, value in ALWAYS.items():
            self.assertEqual(answer.headers.get(name), value)
        policy = answer.headers["content-security-policy"]
        self.assertIn("default-src 'none'", policy)
        self.assertNotIn("unsafe", policy)
        self.assertNotIn("http", policy)
        self.assertEqual(answer.headers["cache-control"], "private, max-age=31536000, immutable" if forever else "no-store")
        self.assertNotIn("access-control-allow-origin", answer.headers)
        if kind:
            self.assertEqual(answer.headers["content-type"].split(";")[0], kind)
        return answer

    def test_the_page_and_what_it_names(self):
        page = self.well(self.server.get(""), kind="text/html")
        text = gzip.decompress(page.body) if page.headers.get("content-encoding") == "gzip" else page.body
        names = re.findall(r'(?:src|href)="\./([^"]+)"', text.decode())
        self.assertTrue(any(name.endswith(".js") for name in names))
        for name in names:
            self.well(self.server.get(name), forever=name.startswith("assets/"))
        self.assertNotRegex(text.decode(), r'(?:src|href)="(?:https?:)?//')

    def test_the_manifest_tells_of_the_catalog(self):
        m = self.well(self.server.get("data/catalog.json"), kind="application/json").json()
        self.assertEqual(m["count"], sql(served.pictures, "SELECT count(*) FROM images")[0][0])
        self.assertEqual((m["live"], m["readonly"], m["near"], m["image_ext"]), (True, False, None, None))
        self.assertEqual(m["search"], {"text": True, "image": True, "like": True})
        self.assertEqual(m["thumbs"], [256, 512])
        self.assertEqual(m["name"], "pictures")
        self.assertEqual({c["name"]: c["support"] for c in m["categories"]},
                         dict(sql(served.pictures, "SELECT c.name, count(*) FROM categories c JOIN standings s ON s.category = c.id GROUP BY c.id")))
        self.assertEqual([s["title"] for s in m["slices"]], [t for t, in sql(served.pictures, "SELECT title FROM slices ORDER BY id")])

    def test_every_column_has_its_size(self):
        for c in self.manifest["columns"]:
            data = self.well(self.server.get(c["file"]), forever=SIZES.get(c["type"]) != 1).body
            if c["type"] == "text":
                self.assertEqual(len(served.texts(data)), self.manifest["count"], c)
            else:
                self.assertEqual(len(data), SIZES[c["type"]] * self.manifest["count"], c)
            self.assertEqual(c["words"] is not None, c["type"] == "code", c)
            if c["type"] == "code":
                words = served.texts(self.well(self.server.get(c["words"]), forever=True).body)
                for value in struct.unpack("<%dI" % self.manifest["count"], data):
                    self.assertTrue(value == served.NONE or value < len(words), c)

    def test_columns_say_what_the_catalog_says(self):
        rows = sql(served.pictures, "SELECT hash, path, prompt, score FROM v_images")
        columns = {name: self.server.column(name, self.manifest) for name in ("hash", "path", "prompt", "score", "flag", "stars")}
        shown = {h: (p, t, s) for h, p, t, s in zip(columns["hash"], columns["path"], columns["prompt"], columns["score"])}
        self.assertEqual(len(rows), self.manifest["count"])
        for h, path, text, value in rows:
            self.assertEqual(shown[h][0], path)
            self.assertEqual(shown[h][1], text)
            self.assertAlmostEqual(shown[h][2], value, places=3)
        self.assertEqual((set(columns["flag"]), set(columns["stars"])), ({0}, {0}))

    def test_members_of_slices_are_as_many_as_their_support(self):
        data = self.well(self.server.get(self.manifest["slices_file"]), forever=True).body
        numbers = struct.unpack("<%dI" % (len(data) // 4), data)
        count = len(self.manifest["slices"])
        first, rows = numbers[:count + 1], numbers[count + 1:]
        self.assertEqual(first[-1], len(rows))
        for i, s in enumerate(self.manifest["slices"]):
            self.assertEqual(first[i + 1] - first[i], s["support"])
        self.assertTrue(all(row < self.manifest["count"] for row in rows))

    def test_details_are_there_for_every_row_and_no_more(self):
        seen = []
        for shard in range((self.manifest["count"] + 63) // 64):
            seen += self.well(self.server.get("data/detail/%d.json" % shard), kind="application/json").json()
        self.assertEqual([d["row"] for d in seen], list(range(self.manifest["count"])))
        self.assertEqual([d["hash"] for d in seen], self.hashes)
        self.assertTrue(all(d["prompt"] and d["paths"] for d in seen))
        self.well(self.server.get("data/detail/%d.json" % ((self.manifest["count"] + 63) // 64)), 404)
        self.well(self.server.get("data/col/%d.bin" % len(self.manifest["columns"])), 404)

    def test_a_revision_that_is_gone_is_not_answered_with_another(self):
        self.well(self.server.get("data/col/0.bin?r=%d" % self.manifest["revision"]), forever=True)
        gone = self.server.get("data/col/0.bin?r=%d" % (self.manifest["revision"] + 7))
        self.assertIn(gone.status, (404, 410))

    def test_images_are_the_files_themselves(self):
        paths = self.server.column("path", self.manifest)
        for h, path in list(zip(self.hashes, paths))[:5]:
            answer = self.well(self.server.get("image/%s.png" % h), kind="image/png", forever=True)
            with open(path, "rb") as file:
                self.assertEqual(answer.body, file.read())
        self.well(self.server.get("image/%s.jpg" % self.hashes[0]), 404)
        self.well(self.server.get("image/%s.png" % ("0" * 32)), 404)

    def test_images_in_parts(self):
        address = "image/%s.png" % self.hashes[0]
        whole = self.server.get(address).body
        size = len(whole)
        for asked, first, last in (("bytes=0-99", 0, 99), ("bytes=100-", 100, size - 1), ("bytes=-7", size - 7, size - 1),
                                   ("bytes=0-999999999", 0, size - 1), ("bytes=%d-" % (size - 1), size - 1, size - 1)):
            part = self.well(self.server.get(address, Range=asked), 206, forever=True)
            self.assertEqual(part.body, whole[first:last + 1], asked)
            self.assertEqual(part.headers["content-range"], "bytes %d-%d/%d" % (first, last, size))
        outside = self.server.get(address, Range="bytes=%d-" % size)
        self.assertEqual((outside.status, outside.headers["content-range"]), (416, "bytes */%d" % size))
        for ignored in ("bytes=5-2", "bytes=0-1,5-6", "lines=1-2", "bytes=", "bytes=-", "bytes=a-b"):
            self.assertEqual(self.server.get(address, Range=ignored).body, whole, ignored)
        tag = self.server.get(address).headers["etag"]
        self.assertEqual(self.server.get(address, Range="bytes=0-9", If_Range=tag).status, 206)
        self.assertEqual(self.server.get(address, Range="bytes=0-9", If_Range='"another"').body, whole)

    def test_head_says_what_get_would(self):
        for address in ("", "data/catalog.json", "image/%s.png" % self.hashes[0], "thumb/256/%s.jpg" % self.hashes[0]):
            got, head = self.server.get(address), self.server.ask("HEAD", self.server.path(address))
            self.assertEqual((head.status, head.body), (200, b""))
            self.assertEqual(head.headers["content-length"], str(len(got.body)))

    def test_many_requests_on_one_connection(self):
        line = self.server.connect()
        for i in range(200):
            line.request("GET", self.server.path("data/col/%d.bin" % (i % 5)))
            answer = line.getresponse()
            self.assertEqual(answer.status, 200)
            self.assertTrue(answer.read())
        line.close()


class Thumbnails(unittest.TestCase):
    def cache(self, name):
        return os.path.join(served.folder, name)

    def files(self, name):
        return sorted(os.path.join(where, f) for where, _, names in os.walk(self.cache(name)) for f in names)

    def test_are_made_once_and_kept_on_disk(self):
        with Server(served.pictures, XDG_CACHE_HOME=self.cache("kept")) as server:
            hashes = server.column("hash")
            first = server.get("thumb/256/%s.jpg" % hashes[0])
            self.assertEqual((first.status, first.headers["content-type"]), (200, "image/jpeg"))
            self.assertEqual((first.body[:2], first.body[-2:]), (b"\xff\xd8", b"\xff\xd9"))
            self.assertIn("immutable", first.headers["cache-control"])
            path, = [f for f in self.files("kept") if f.endswith("%s-256.jpg" % hashes[0])]
            made = os.stat(path)
            self.assertEqual(server.get("thumb/256/%s.jpg" % hashes[0]).body, first.body)
            self.assertEqual((os.stat(path).st_ino, os.stat(path).st_mtime_ns), (made.st_ino, made.st_mtime_ns))
            with open(path, "rb") as file:
                self.assertEqual(file.read(), first.body)
        # the next server finds the thumbnail in the cache, because both servers use the same file name for it
        with Server(served.pictures, XDG_CACHE_HOME=self.cache("kept")) as server:
            self.assertEqual(server.get("thumb/256/%s.jpg" % hashes[0]).body, first.body)
            self.assertEqual(os.stat(path).st_ino, made.st_ino)

    def test_a_file_cut_short_in_the_cache_is_made_again(self):
        with Server(served.pictures, XDG_CACHE_HOME=self.cache("short")) as server:
            h = server.column("hash")[0]
            whole = server.get("thumb/512/%s.jpg" % h).body
            path, = self.files("short")
            os.truncate(path, len(whole) // 2)
            self.assertEqual(server.get("thumb/512/%s.jpg" % h).body, whole)

    def test_all_at_once_come_right(self):
        import concurrent.futures
        with Server(served.pictures, XDG_CACHE_HOME=self.cache("crowd")) as server:
            hashes = server.column("hash")
            wanted = [(side, h) for h in hashes for side in (256, 512)] * 3
            with concurrent.futures.ThreadPoolExecutor(16) as pool:
                got = list(pool.map(lambda w: server.get("thumb/%d/%s.jpg" % w), wanted))
            self.assertEqual({a.status for a in got}, {200})
            same = {}
            for w, a in zip(wanted, got):
                self.assertEqual(same.setdefault(w, a.body), a.body)
            self.assertEqual(len(self.files("crowd")), 2 * len(hashes))

    def test_the_cache_stays_within_its_bound(self):
        with Server(served.pictures, XDG_CACHE_HOME=self.cache("small"), GOLDPAN_SERVE_LIMITS="thumb_bytes=30000") as server:
            for h in server.column("hash"):
                self.assertEqual(server.get("thumb/512/%s.jpg" % h).status, 200)
            self.assertLess(sum(os.path.getsize(f) for f in self.files("small")), 60000)

    def test_without_a_cache_folder_they_are_made_each_time(self):
        with Server(served.pictures, XDG_CACHE_HOME="/proc/nowhere") as server:
            h = server.column("hash")[0]
            self.assertEqual(server.get("thumb/256/%s.jpg" % h).body, server.get("thumb/256/%s.jpg" % h).body)


class Changed(unittest.TestCase):
    """Tests requests for files that have changed since they were added."""

    def test_give_nothing_away(self):
        place = served.copy("changed")
        secret = os.path.join(served.folder, "secret.png")
        with open(secret, "wb") as file:
            file.write(b"\x89PNG\r\n\x1a\n not yours")
        with Server(place, XDG_CACHE_HOME=os.path.join(served.folder, "changed-cache")) as server:
            names = dict(zip(server.column("path"), server.column("hash")))
            paths = sorted(p for p in names if "food" in p)
            os.remove(paths[0])
            os.remove(paths[1])
            os.symlink(secret, paths[1])
            shutil.copyfile(paths[2], paths[3])
            os.remove(paths[4])
            os.mkfifo(paths[4])
            with open(paths[5], "r+b") as file:
                file.truncate(100)
            for path in (paths[i] for i in (0, 1, 3, 4, 5)):
                for address in ("image/%s.png", "thumb/256/%s.jpg"):
                    answer = server.get(address % names[path])
                    self.assertEqual(answer.status, 404, (path, answer.body))
                    self.assertNotIn(b"not yours", answer.body)
                    self.assertIn("error", answer.json())
            for address in ("image/%s.png", "thumb/256/%s.jpg"):
                self.assertEqual(server.get(address % names[paths[2]]).status, 200)
