# SPDX-License-Identifier: MIT
"""Tests requests of the page that change data or search: ratings that survive a crash of the server or the page,
search, saved views, export, and the events about them."""
import concurrent.futures
import json
import math
import os
import signal
import socket
import sqlite3
import struct
import unittest
import zlib

import served
from served import Events, Server, sql, until


def ratings(place):
    return {h: (flag, stars) for h, flag, stars in
            sql(place, "SELECT lower(hex(i.hash)), r.flag, r.stars FROM ratings r JOIN images i ON i.id = r.image")}


def tags(place):
    return sorted(sql(place, "SELECT lower(hex(i.hash)), t.tag FROM tags t JOIN images i ON i.id = t.image WHERE t.removed = 0"))


class Tags(unittest.TestCase):
    def read(self, server):
        hashes = server.column("hash")
        found = server.get("data/tags.json?r=%d" % server.manifest()["revision"]).json()["tags"]
        return sorted((hashes[row], one["tag"]) for one in found for row in one["rows"])

    def test_are_in_the_catalog_when_answered_and_outlive_a_kill(self):
        place = served.copy("tagged")
        with Server(place) as server, Events(server) as page:
            a, b = server.column("hash")[:2]
            self.assertEqual(self.read(server), [])
            answer = server.post("api/tag", {"changes": [{"hash": a, "tag": " at  night"}, {"hash": b, "tag": "castle"}, {"hash": a, "tag": "castle"}]})
            self.assertEqual((answer.status, answer.json()["changed"]), (200, 3))
            name, event, _ = page.next()
            self.assertEqual((name, event["event"]), ("tags", answer.json()["event"]))
            self.assertEqual(event["changes"][0], {"hash": a, "tag": "at night", "removed": False})
            self.assertEqual(self.read(server), sorted([(a, "at night"), (b, "castle"), (a, "castle")]))
            server.post("api/tag", {"changes": [{"hash": a, "tag": "castle", "removed": True}]})
            server.process.send_signal(signal.SIGKILL)
            server.process.wait()
        want = sorted([(a, "at night"), (b, "castle")])
        self.assertEqual(tags(place), want)
        with Server(place) as server:
            self.assertEqual(self.read(server), want)

    def test_are_taken_all_or_none(self):
        place = served.copy("tags-all-or-none")
        with Server(place) as server:
            a, b = server.column("hash")[:2]
            for wrong in ({"hash": "0" * 32, "tag": "x"}, {"hash": b}, {"hash": b, "tag": ""}, {"hash": b, "tag": "a,b"}, {"hash": b, "tag": "a\x00b"},
                          {"hash": b, "tag": "x" * 101}, {"hash": b, "tag": 7}, {"hash": b, "tag": "x", "removed": 1}, {"tag": "x"}, 7):
                answer = server.post("api/tag", {"changes": [{"hash": a, "tag": "x"}, wrong]})
                self.assertEqual(answer.status, 400, (wrong, answer.body))
                self.assertTrue(answer.json()["error"])
            self.assertEqual(tags(place), [])


class Ratings(unittest.TestCase):
    def test_are_in_the_catalog_when_answered_and_outlive_a_kill(self):
        place = served.copy("rated")
        with Server(place) as server:
            hashes = server.column("hash")
            for i, h in enumerate(hashes[:20]):
                answer = server.post("api/rate", {"changes": [{"hash": h, "flag": (1, -1)[i % 2], "stars": i % 6}]})
                self.assertEqual((answer.status, answer.json()["changed"]), (200, 1))
            server.process.send_signal(signal.SIGKILL)
            server.process.wait()
        want = {h: ((1, -1)[i % 2], i % 6) for i, h in enumerate(hashes[:20])}
        self.assertEqual(ratings(place), want)
        with Server(place) as server:
            flags, stars = server.column("flag"), server.column("stars")
            self.assertEqual({h: (f, s) for h, f, s in zip(hashes, flags, stars) if f or s}, want)
            # a field that is missing in the request keeps its value
            server.post("api/rate", {"changes": [{"hash": hashes[1], "stars": 5}]})
            server.post("api/rate", {"changes": [{"hash": hashes[1], "flag": 0}]})
            self.assertEqual(ratings(place)[hashes[1]], (0, 5))
            self.assertEqual(server.column("stars")[1], 5)

    def test_are_taken_all_or_none(self):
        place = served.copy("all-or-none")
        with Server(place) as server:
            hashes = server.column("hash")
            for wrong in ({"hash": "0" * 32, "flag": 1}, {"hash": hashes[1], "flag": 2}, {"hash": hashes[1], "stars": 6}, {"hash": hashes[1], "stars": -1},
                          {"hash": hashes[1], "flag": 0.5}, {"hash": "../" + hashes[1], "flag": 1}, {"hash": hashes[1].upper() + "0"}, {"flag": 1}, 7):
                answer = server.post("api/rate", {"changes": [{"hash": hashes[0], "flag": 1}, wrong]})
                self.assertEqual(answer.status, 400, (wrong, answer.body))
                self.assertTrue(answer.json()["error"])
            self.assertEqual(ratings(place), {})
            self.assertEqual(set(server.column("flag")), {0})

    def test_from_many_pages_at_once_are_all_kept(self):
        place = served.copy("crowd-rates")
        with Server(place) as server:
            hashes = server.column("hash")
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                done = list(pool.map(lambda h: server.post("api/rate", {"changes": [{"hash": h, "stars": 3}]}).status, hashes))
            self.assertEqual(set(done), {200})
            self.assertEqual(ratings(place), {h: (0, 3) for h in hashes})

    def test_are_told_to_other_pages(self):
        place = served.copy("told")
        with Server(place) as server, Events(server) as one, Events(server) as other:
            h = server.column("hash")[3]
            server.post("api/rate", {"changes": [{"hash": h, "flag": 1}]})
            for page in (one, other):
                name, data, _ = page.next()
                self.assertEqual((name, data), ("ratings", {"event": 1, "changes": [{"hash": h, "flag": 1, "stars": 0}]}))

    def test_when_read_only_are_refused_as_is_all_that_writes(self):
        place = served.copy("readonly")
        with Server(place, "--readonly") as server:
            h = server.column("hash")[0]
            self.assertTrue(server.manifest()["readonly"])
            for address, body in (("api/rate", {"changes": [{"hash": h, "flag": 1}]}), ("api/tag", {"changes": [{"hash": h, "tag": "x"}]}), ("api/saved", {"name": "a", "value": {}}),
                                  ("api/export", {"folder": os.path.join(served.folder, "never"), "mode": "copy", "what": "picks"})):
                answer = server.post(address, body)
                self.assertEqual((answer.status, "read-only" in answer.json()["error"]), (403, True), address)
            self.assertEqual(server.post("api/search", {"more": [h]}).status, 200)
        self.assertEqual(ratings(place), {})
        self.assertFalse(os.path.exists(os.path.join(served.folder, "never")))


class Search(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(served.pictures)
        cls.hashes = cls.server.column("hash")
        rows = sql(served.pictures, "SELECT lower(hex(i.hash)), e.vector FROM image_embeddings e JOIN images i ON i.id = e.image")
        cls.vectors = {h: cls.unit(struct.unpack("<%df" % (len(v) // 4), v)) for h, v in rows}

    @classmethod
    def tearDownClass(cls):
        with cls.server:
            pass

    @staticmethod
    def unit(v):
        size = math.sqrt(sum(x * x for x in v))
        return [x / size for x in v]

    def likeness(self, **wish):
        answer = self.server.post("api/search", wish)
        self.assertEqual(answer.status, 200, answer.body)
        self.assertEqual(answer.headers["content-type"], "application/octet-stream")
        return struct.unpack("<%df" % len(self.hashes), answer.body)

    def cosine(self, a, b):
        return sum(x * y for x, y in zip(self.vectors[a], self.vectors[b]))

    def near(self, got, want):
        for g, w in zip(got, want):
            self.assertAlmostEqual(g, w, places=4)

    def test_more_and_less_are_cosines(self):
        a, b, c = self.hashes[:3]
        self.near(self.likeness(more=[a]), [self.cosine(a, h) for h in self.hashes])
        self.assertAlmostEqual(self.likeness(more=[a])[0], 1, places=4)
        self.near(self.likeness(more=[a, b], less=[c]),
                  [(self.cosine(a, h) + self.cosine(b, h)) / 2 - self.cosine(c, h) / 2 for h in self.hashes])

    def test_images_without_a_place_among_the_others_have_no_likeness(self):
        place = served.copy("apart")
        with sqlite3.connect(served.catalog_of(place)) as catalog:
            catalog.execute("UPDATE images SET apart = 'grid' WHERE id = 2")
            catalog.execute("UPDATE images SET apart = 'black' WHERE id = 3")
            catalog.execute("DELETE FROM image_embeddings WHERE image IN (2, 5)")
        with Server(place) as server:
            ids = [int(i) for i in server.column("id")]
            hashes = dict(zip(ids, server.column("hash")))
            answer = server.post("api/search", {"more": [hashes[1]]})
            likeness = dict(zip(ids, struct.unpack("<%df" % len(ids), answer.body)))
            embedded = {}
            for shard in range((len(ids) + 63) // 64):
                embedded.update((d["id"], d["embedded"]) for d in server.get("data/detail/%d.json" % shard).json())
            self.assertEqual({i for i in ids if math.isnan(likeness[i])}, {2, 3, 5})
            self.assertEqual({i for i in ids if not embedded[i]}, {2, 3, 5})
            for i in (2, 3, 5):
                answer = server.post("api/search", {"more": [hashes[i]]})
                self.assertEqual((answer.status, answer.json()["error"]), (404, "an image to search by is set apart or has no score yet"))

    def test_words_are_the_models_own_vector(self):
        out = os.path.join(served.folder, "text.npy")
        words = os.path.join(served.folder, "words.txt")
        with open(words, "w", encoding="utf-8") as file:
            file.write("a red apple\n")
        served.run("embed", "--model", served.MODEL, "--texts", words, "--out", out, "-q")
        with open(out, "rb") as file:
            data = file.read()
        vector = self.unit(struct.unpack_from("<%df" % len(next(iter(self.vectors.values()))), data, 10 + struct.unpack_from("<H", data, 8)[0]))
        self.near(self.likeness(text="a red apple"), [sum(x * y for x, y in zip(vector, self.vectors[h])) for h in self.hashes])
        both = self.likeness(text="a red apple", more=[self.hashes[0]])
        self.near(both, [(sum(x * y for x, y in zip(vector, self.vectors[h])) + self.cosine(self.hashes[0], h)) / 2 for h in self.hashes])

    def test_an_image_is_found_by_itself(self):
        picture = self.server.get("image/%s.png" % self.hashes[5]).body
        key = self.server.post("api/upload", picture).json()["key"]
        got = self.likeness(more=[key])
        self.assertEqual(max(range(len(got)), key=got.__getitem__), 5)
        self.assertGreater(got[5], 0.999)

    def test_the_last_sixteen_uploads_are_kept(self):
        picture = self.server.get("image/%s.png" % self.hashes[0]).body
        keys = [self.server.post("api/upload", picture).json()["key"] for _ in range(17)]
        self.assertEqual(self.server.post("api/search", {"more": [keys[0]]}).status, 404)
        self.assertEqual(self.server.post("api/search", {"more": [keys[1]]}).status, 200)

    def test_what_is_no_picture_is_refused(self):
        for junk in (b"GIF89a nothing", b"\x89PNG\r\n\x1a\n", b"x", b"\xff\xd8\xff\xe0" * 100):
            answer = self.server.post("api/upload", junk)
            self.assertEqual(answer.status, 415, answer.body)
            self.assertIn("upload", answer.json()["error"])

    def test_a_wrong_wish_is_one_line(self):
        for wish, status in (({}, 400), ({"text": ""}, 400), ({"text": 3}, 400), ({"more": "x"}, 400), ({"more": ["zz"]}, 400), ({"more": ["0" * 32]}, 404),
                             ({"more": ["u999"]}, 404), ({"more": [self.hashes[0]] * 65}, 400), ({"text": "x" * 5000}, 400), ([], 400)):
            answer = self.server.post("api/search", wish)
            self.assertEqual(answer.status, status, (wish, answer.body))
            self.assertNotIn("\n", answer.json()["error"])
        for text in (b"{", b"\xff\xfe", b"[" * 50000, b'{"text":"a","text":"b"}', b"null"):
            self.assertEqual(self.server.post("api/search", text).status, 400, text[:20])


def large_png(side):
    """Returns a small PNG file: a white image of side x side pixels, one bit for each pixel."""
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = (b"\0" + b"\xff" * ((side + 7) // 8)) * side
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b""))


class Load(unittest.TestCase):
    """Uploads of large images: they do not delay other requests, and their size in memory is limited."""

    def test_marks_do_not_wait_behind_uploads(self):
        place = served.copy("loaded")
        count, image = 40, large_png(3000)
        with Server(place) as server, concurrent.futures.ThreadPoolExecutor(count) as clients:
            h = server.column("hash")[0]
            done = []
            uploads = [clients.submit(lambda: done.append(server.post("api/upload", image).status)) for _ in range(count)]
            until(lambda: done, "no upload is answered")  # the other uploads wait in the server
            self.assertEqual(server.post("api/rate", {"changes": [{"hash": h, "stars": 5}]}).status, 200)
            self.assertEqual(server.get("api/saved").status, 200)
            before = len(done)
            concurrent.futures.wait(uploads)
            self.assertEqual(done, [200] * count)
            self.assertLess(before, count - 5, "the mark was answered when nearly all uploads were")

    def test_an_image_beyond_the_bound_is_refused(self):
        with Server(served.pictures, GOLDPAN_SERVE_LIMITS="image_bytes=4000000") as server:
            self.assertEqual(server.post("api/upload", large_png(1000)).status, 200)
            answer = server.post("api/upload", large_png(1001))
            self.assertEqual(answer.status, 413)
            self.assertIn("MiB", answer.json()["error"])
            self.assertEqual(server.post("api/upload", large_png(1000)).status, 200)

    def test_thumbnails_and_uploads_wait_for_each_other(self):
        """Images that each need the whole memory limit are decoded one at a time, and all are answered."""
        with Server(served.pictures, GOLDPAN_SERVE_LIMITS="image_bytes=1100000", XDG_CACHE_HOME=os.path.join(served.folder, "one-at-a-time")) as server:
            hashes = server.column("hash")[:12]
            with concurrent.futures.ThreadPoolExecutor(16) as clients:
                thumbs = [clients.submit(server.get, "thumb/256/%s.jpg" % h) for h in hashes]
                uploads = [clients.submit(server.post, "api/upload", large_png(500)) for _ in range(4)]
                self.assertEqual({f.result().status for f in thumbs + uploads}, {200})

    def test_uploads_beyond_the_bound_come_again_later(self):
        with Server(served.pictures, GOLDPAN_SERVE_LIMITS="upload_bytes=100000") as server:
            image = large_png(100)
            head = "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nX-Goldpan: 1\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n"
            with socket.create_connection(("127.0.0.1", server.port)) as first:
                first.sendall((head % (server.path("api/upload"), server.port, 100000)).encode())
                self.assertIn(b" 100 ", first.recv(100))  # the server accepts and reads this upload
                answer = server.post("api/upload", image)
                self.assertEqual(answer.status, 503)
                self.assertGreaterEqual(int(answer.headers["retry-after"]), 1)
                first.sendall(image + b" " * (100000 - len(image)))
                self.assertTrue(first.recv(100).startswith(b"HTTP/1.1 200"))
            until(lambda: server.post("api/upload", image).status == 200, "there is no room again")

    def test_a_refused_upload_takes_no_room_while_it_is_discarded(self):
        with Server(served.pictures, GOLDPAN_SERVE_LIMITS="upload_bytes=100000") as server:
            head = "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nX-Goldpan: 1\r\n%sContent-Length: %d\r\n\r\n"
            with socket.create_connection(("127.0.0.1", server.port)) as first, socket.create_connection(("127.0.0.1", server.port)) as second:
                first.sendall((head % (server.path("api/upload"), server.port, "Expect: 100-continue\r\n", 50000)).encode())
                self.assertIn(b" 100 ", first.recv(100))  # the server accepts the first upload, and waits for its body
                second.sendall((head % (server.path("api/upload"), server.port, "", 90000)).encode())
                # the server rejects the second upload, and discards its body
                self.assertTrue(second.recv(100).startswith(b"HTTP/1.1 503"))
                self.assertEqual(server.post("api/upload", large_png(100)).status, 200)


class Saved(unittest.TestCase):
    def test_views_are_kept_and_forgotten(self):
        place = served.copy("saved")
        view = {"filters": [{"column": "score", "low": 1e-3}], "deep": {"ü": [1, "\u0000 '\"\\"]}}
        with Server(place) as server:
            self.assertEqual(server.get("api/saved").json(), {"views": {}})
            self.assertEqual(server.post("api/saved", {"name": "the \"best\" ü", "value": view}).json(), {"ok": True})
            self.assertEqual(server.post("api/saved", {"name": "b", "value": {}}).status, 200)
        with Server(place) as server:
            self.assertEqual(server.get("api/saved").json(), {"views": {"the \"best\" ü": view, "b": {}}})
            server.post("api/saved", {"name": "b", "value": None})
            self.assertEqual(list(server.get("api/saved").json()["views"]), ["the \"best\" ü"])
            for wrong in ({"name": "", "value": {}}, {"name": "x" * 101, "value": {}}, {"value": {}}, {"name": 1, "value": {}}):
                self.assertEqual(server.post("api/saved", wrong).status, 400, wrong)


class Export(unittest.TestCase):
    def test_writes_what_is_picked_by_hand_too(self):
        place = served.copy("exported")
        with Server(place) as server:
            hashes = server.column("hash")
            picked = server.column("picked")
            out = next(h for h, p in zip(hashes, picked) if not p)
            gone = next(h for h, p in zip(hashes, picked) if p)
            server.post("api/rate", {"changes": [{"hash": out, "flag": 1}, {"hash": gone, "flag": -1}]})
            folder = os.path.join(served.folder, "best ones")
            answer = server.post("api/export", {"folder": folder, "mode": "copy", "what": "picks"})
            self.assertEqual(answer.status, 200, answer.body)
            self.assertEqual(answer.json(), {"done": sum(picked), "failed": 0, "folder": folder})
            images = [os.path.join(where, n) for where, _, names in os.walk(folder) for n in names if n.endswith(".png")]
            self.assertEqual(len(images), sum(picked))
            contents = {open(i, "rb").read() for i in images}
            self.assertIn(server.get("image/%s.png" % out).body, contents)
            self.assertNotIn(server.get("image/%s.png" % gone).body, contents)
            prompts = server.column("prompt")
            rival = next(i for i, p in enumerate(picked) if not p and prompts[i] != prompts[hashes.index(out)] and prompts[i] != prompts[hashes.index(gone)])
            server.post("api/rate", {"changes": [{"hash": hashes[rival], "flag": 1}]})
            server.post("api/rate", {"changes": [{"hash": h, "stars": 4} for h in (gone, out, hashes[rival])]})
            beside = sum(p for h, p, prompt in zip(hashes, picked, prompts) if h != gone and prompt in (prompts[rival], prompts[hashes.index(out)]))
            self.assertGreater(beside, 0)
            for what, count in (("picks", sum(picked) + 1), ("mine", 2), ("mine+suggested", sum(picked) + 1 - beside), ("stars", 3), ("images", 3)):
                answer = server.post("api/export", {"folder": "~/" + what, "mode": "none", "what": what, "stars": 4, "images": hashes[:3]})
                self.assertEqual(answer.json()["done"], count, what)
            home = server.post("api/export", {"folder": "~/best", "mode": "none", "what": "all"})
            self.assertEqual(home.json()["folder"], os.path.join(served.folder, "home", "best"))
            for wrong in ({"folder": "", "mode": "copy", "what": "picks"}, {"folder": folder, "mode": "move", "what": "picks"},
                          {"folder": folder, "mode": "copy", "what": "everything"}, {"folder": folder, "what": "stars"},
                          {"folder": folder, "what": "images", "images": ["u1"]}, {"mode": "copy"}, {"folder": "a\u0000b", "mode": "copy", "what": "all"}):
                self.assertEqual(server.post("api/export", wrong).status, 400, wrong)


    def test_copies_that_do_not_fit_are_not_begun(self):
        place = served.copy("large")
        folder = os.path.join(served.folder, "too small")
        disk = os.statvfs(served.folder)
        for path, in served.sql(place, "SELECT path FROM paths LIMIT 2"):  # sparse files, which use no space themselves
            os.truncate(path, disk.f_bavail * disk.f_frsize // 2 + (1 << 30))
        with Server(place) as server:
            wanted = {"folder": folder, "mode": "copy", "what": "images", "images": server.column("hash")}
            answer = server.post("api/export", wanted)
            self.assertEqual(answer.status, 500, answer.body)
            self.assertIn("no space for the copies in folder '%s'" % folder, answer.json()["error"])
            self.assertFalse(os.path.exists(folder))
            answer = server.post("api/export", dict(wanted, mode="symlink"))
            self.assertEqual((answer.status, answer.json()["failed"]), (200, 2))

    def test_image_without_a_file_counts_as_failed(self):
        place = served.copy("lost")
        with Server(place) as server:
            hashes, picked = server.column("hash"), server.column("picked")
            lost = next(h for h, p in zip(hashes, picked) if not p)
            with sqlite3.connect(served.catalog_of(place)) as catalog:
                catalog.execute("UPDATE paths SET missing = 1 WHERE image = (SELECT id FROM images WHERE hash = ?)", (bytes.fromhex(lost),))
            other = next(h for h in hashes if h != lost)
            answer = server.post("api/export", {"folder": os.path.join(served.folder, "lost ones"), "mode": "copy", "what": "images", "images": [lost, other]})
            self.assertEqual((answer.json()["done"], answer.json()["failed"]), (1, 1))


class News(unittest.TestCase):
    def test_of_a_catalog_that_somebody_else_changes(self):
        place = served.copy("news")
        with Server(place, GOLDPAN_SERVE_LIMITS="poll_seconds=0.1") as server, Events(server) as page:
            before = server.manifest()
            old = server.get("data/col/1.bin?r=%d" % before["revision"]).body
            with sqlite3.connect(served.catalog_of(place)) as catalog:
                catalog.execute("UPDATE paths SET missing = 1 WHERE id = (SELECT min(id) FROM paths)")
            name, data, _ = page.next()
            self.assertEqual((name, data["revision"]), ("revision", before["revision"] + 1))
            after = server.manifest()
            self.assertEqual((after["revision"], after["count"]), (before["revision"] + 1, before["count"] - 1))
            self.assertEqual(server.get("data/col/1.bin?r=%d" % before["revision"]).body, old)  # a page half-way through

    def test_after_a_restart_no_address_of_data_is_used_again(self):
        # Browsers cache the columns of a revision for ever, so new data must not get the address of old data.
        place = served.copy("restarted")
        with Server(place) as server:
            before = server.manifest()
        with Server(place) as server:
            after = server.manifest()
            self.assertGreater(after["revision"], before["revision"])
            self.assertFalse({c["file"] for c in before["columns"]} & {c["file"] for c in after["columns"]})
            self.assertEqual(server.get(before["columns"][0]["file"]).status, 404)
            with Events(server, before["revision"]) as page:
                name, data, _ = page.next()
                self.assertEqual((name, data["revision"]), ("revision", after["revision"]))

    def test_that_were_missed_are_made_good(self):
        place = served.copy("missed")
        with Server(place, GOLDPAN_SERVE_LIMITS="poll_seconds=0.1") as server:
            h = server.column("hash")[0]
            with Events(server) as page:
                server.post("api/rate", {"changes": [{"hash": h, "flag": 1}]})
                _, _, seen = page.next()
            server.post("api/rate", {"changes": [{"hash": h, "flag": -1}]})  # nobody listens
            with Events(server, Last_Event_ID=str(seen)) as page:
                self.assertEqual(page.next()[0], "revision")
            with Events(server) as page:  # the first connection gets no events about earlier changes
                server.post("api/rate", {"changes": [{"hash": h, "stars": 2}]})
                self.assertEqual(page.next()[1]["changes"][0]["stars"], 2)

    def test_keep_the_line_open(self):
        with Server(served.pictures, GOLDPAN_SERVE_LIMITS="alive_seconds=0.2,poll_seconds=0.1") as server, Events(server) as page:
            lines = [page.response.readline() for _ in range(9)]
            self.assertIn(b":\n", lines)

    def test_of_many_listeners_the_last_is_refused_and_a_leaver_makes_room(self):
        with Server(served.pictures, GOLDPAN_SERVE_LIMITS="listeners=3,poll_seconds=0.1") as server:
            pages = [Events(server) for _ in range(3)]
            self.assertEqual(server.get("events").status, 429)
            for page in pages:
                page.response.close()
                page.line.close()

            def joins():
                try:
                    with Events(server):
                        return True
                except AssertionError:
                    return False
            until(joins, "a listener that has gone still takes room")
