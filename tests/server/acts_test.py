# SPDX-License-Identifier: MIT
"""Tests what the page can do with files: open the folder of an image, move rejected images to the trash and back."""
import os
import shutil
import stat
import unittest

import served
from served import Events, Server, sql, until


def program(name, text):
    """A folder with one program, a shell script."""
    place = os.path.join(served.folder, name)
    os.makedirs(place)
    path = os.path.join(place, "xdg-open")
    with open(path, "w", encoding="ascii") as file:
        file.write("#!/bin/sh\n" + text)
    os.chmod(path, stat.S_IRWXU)
    return place


def session(place):
    """The environment of a desktop session in which xdg-open is the program in `place`."""
    return {"DISPLAY": ":9", "PATH": place + ":" + os.environ["PATH"]}


class OpenFolder(unittest.TestCase):
    def test_starts_the_program_with_the_folder_alone(self):
        place = served.copy("opened; touch 'x' $(y)")
        said = os.path.join(served.folder, "said")
        opener = program("opener", 'printf "%%s|" "$#" "$@" >> %s\nps -o sid= -p $$ | tr -d " " >> %s\nexec sleep 600\n' % (said, said))
        with Server(place, "--readonly", **session(opener)) as server:
            self.assertIs(server.manifest()["acts"]["open"], True)
            hashes, paths = server.column("hash"), server.column("path")
            for h, path in list(zip(hashes, paths))[::20]:
                if os.path.exists(said):
                    os.remove(said)
                answer = server.post("api/open", {"hash": h})
                self.assertEqual((answer.status, answer.json()), (200, {"folder": os.path.dirname(path)}))
                until(lambda: os.path.exists(said) and open(said, encoding="utf-8").read().endswith("\n"), "xdg-open was not started")
                count, folder, own = open(said, encoding="utf-8").read().strip().split("|")
                self.assertEqual((count, folder), ("1", os.path.dirname(path)))
                self.assertNotEqual(int(own), os.getsid(server.process.pid))  # Ctrl-C does not end the file manager

    def test_takes_no_path_and_no_unknown_image(self):
        place = served.copy("not-opened")
        opener = program("never", "touch %s/started\n" % served.folder)
        with Server(place, **session(opener)) as server:
            h, path = server.column("hash")[0], server.column("path")[0]
            for body, status in (({"hash": "0" * 32}, 404), ({"path": path}, 400), ({"hash": path}, 400), ({"hash": h.upper() + "/"}, 400), ([h], 400)):
                answer = server.post("api/open", body)
                self.assertEqual(answer.status, status, answer.body)
                self.assertTrue(answer.json()["error"])
            # if the file of an image is missing, or now has other content, the server opens nothing
            os.remove(path)
            answer = server.post("api/open", {"hash": h})
            self.assertEqual(answer.status, 404)
            self.assertEqual(answer.json()["error"], "'%s': the file does not exist" % path)
            with open(path, "wb") as file:
                file.write(b"another file")
            self.assertEqual(server.post("api/open", {"hash": h}).status, 415)
            self.assertEqual(server.ask("POST", server.path("api/open"), b"{}").status, 403)
        self.assertFalse(os.path.exists(os.path.join(served.folder, "started")))

    def test_needs_a_screen_and_a_program(self):
        opener = program("unseen", "touch %s/unseen-started\n" % served.folder)
        for env in ({"PATH": opener + ":" + os.environ["PATH"]}, {"DISPLAY": ":9", "PATH": "/nonexistent"}):
            with Server(served.pictures, **env) as server:
                self.assertIs(server.manifest()["acts"]["open"], False)
                answer = server.post("api/open", {"hash": server.column("hash")[0]})
                self.assertEqual(answer.status, 400)
                self.assertIn("xdg-open", answer.json()["error"])
        self.assertFalse(os.path.exists(os.path.join(served.folder, "unseen-started")))

    def test_tells_the_pages_when_the_program_fails(self):
        opener = program("failing", "exit 3\n")
        with Server(served.pictures, **session(opener)) as server, Events(server) as events:
            self.assertEqual(server.post("api/open", {"hash": server.column("hash")[0]}).status, 200)
            name, data, _ = events.next()
            self.assertEqual((name, data["text"]), ("notice", "xdg-open could not open the folder: it ended with exit code 3"))


def rejected(server, hashes):
    answer = server.post("api/rate", {"changes": [{"hash": h, "flag": -1} for h in hashes]})
    assert answer.status == 200, answer.body


class Trash(unittest.TestCase):
    def setUp(self):
        self.trash = os.path.join(served.folder, "data-%d" % id(self), "Trash")
        self.env = {"XDG_DATA_HOME": os.path.dirname(self.trash)}

    def entries(self, part):
        place = os.path.join(self.trash, part)
        return sorted(os.listdir(place)) if os.path.isdir(place) else []

    def test_moves_rejected_images_and_brings_them_back(self):
        place = served.copy("binned")
        with Server(place, **self.env) as server:
            self.assertIs(server.manifest()["acts"]["trash"], True)
            rows = dict(zip(server.column("hash"), server.column("path")))
            chosen = list(rows)[:3]
            scores = sql(place, "SELECT count(*) FROM scores")
            before = {h: open(rows[h], "rb").read() for h in chosen}
            beside = rows[chosen[0]] + ".txt"
            with open(beside, "w", encoding="ascii") as file:
                file.write("another file")
            rejected(server, chosen)
            with Events(server) as events:
                answer = server.post("api/trash", {"images": chosen})
                self.assertEqual((answer.status, answer.json()), (200, {"images": 3, "files": 3, "failed": 0, "why": ""}))
                self.assertEqual(events.next()[0], "revision")
            self.assertEqual(self.entries("files"), sorted(os.path.basename(rows[h]) for h in chosen))
            self.assertEqual([os.path.exists(rows[h]) for h in chosen], [False] * 3)
            self.assertTrue(os.path.exists(beside))
            self.assertFalse(set(chosen) & set(server.column("hash")))
            # the catalog keeps the marks and the scores of the images whose files are now in the trash
            self.assertEqual(sql(place, "SELECT count(*) FROM ratings WHERE flag = -1"), [(3,)])
            self.assertEqual(sql(place, "SELECT count(*) FROM scores"), scores)
            self.assertEqual(sql(place, "SELECT count(*) FROM paths WHERE missing"), [(3,)])
        with Server(place, **self.env) as server:  # the server has no memory of the move
            answer = server.post("api/restore", {"images": chosen})
            self.assertEqual((answer.status, answer.json()), (200, {"images": 3, "files": 3, "failed": 0, "why": ""}))
            until(lambda: set(chosen) <= set(server.column("hash")), "the images did not come back")
            self.assertEqual({h: open(rows[h], "rb").read() for h in chosen}, before)
            self.assertEqual(self.entries("files") + self.entries("info"), [])
            self.assertEqual([server.column("flag")[server.column("hash").index(h)] for h in chosen], [-1] * 3)
            self.assertEqual(server.post("api/restore", {"images": chosen}).json()["failed"], 3)  # nothing is left in the trash
            self.assertEqual({h: open(rows[h], "rb").read() for h in chosen}, before)

    def test_moves_only_what_the_user_rejected(self):
        place = served.copy("not-binned")
        with Server(place, **self.env) as server:
            hashes, paths = server.column("hash"), server.column("path")
            rejected(server, hashes[:2])
            server.post("api/rate", {"changes": [{"hash": hashes[2], "flag": 1}]})
            for images, status, said in (([hashes[0], hashes[2]], 400, "image %s is your pick" % hashes[2]), ([hashes[0], hashes[3]], 400, "image %s is not rejected" % hashes[3]),
                                         ([hashes[0], "0" * 32], 404, "there is no image"), ([], 400, "images"), (paths[:1], 400, "hash")):
                answer = server.post("api/trash", {"images": images})
                self.assertEqual(answer.status, status, answer.body)
                self.assertIn(said, answer.json()["error"])
            self.assertEqual(server.post("api/trash", {"paths": paths[:1]}).status, 400)
            self.assertEqual(self.entries("files"), [])
            self.assertTrue(all(os.path.exists(p) for p in paths))

    def test_leaves_files_that_are_not_the_recorded_ones(self):
        place = served.copy("changed-binned")
        with Server(place, **self.env) as server:
            hashes, paths = server.column("hash"), server.column("path")
            rejected(server, hashes[:4])
            with open(paths[0], "ab") as file:
                file.write(b"changed")
            os.rename(paths[1], paths[1] + ".away")
            os.symlink(paths[1] + ".away", paths[1])
            os.remove(paths[2])
            answer = server.post("api/trash", {"images": hashes[:4]}).json()
            self.assertEqual((answer["images"], answer["files"], answer["failed"]), (1, 1, 3))
            self.assertIn(paths[2], answer["why"])
            self.assertTrue(os.path.exists(paths[0]) and os.path.islink(paths[1]))
            self.assertEqual(self.entries("files"), [os.path.basename(paths[3])])
            # undo replaces no file
            with open(paths[3], "wb") as file:
                file.write(b"a new file")
            answer = server.post("api/restore", {"images": hashes[3:4]}).json()
            self.assertEqual((answer["images"], answer["failed"]), (0, 1))
            self.assertIn("exists again", answer["why"])
            with open(paths[3], "rb") as file:
                self.assertEqual(file.read(), b"a new file")
            self.assertEqual(self.entries("files"), [os.path.basename(paths[3])])

    def test_all_files_of_an_image_go(self):
        place = served.copy("twice-binned")
        with Server(place, **self.env) as server:
            h, path = server.column("hash")[0], server.column("path")[0]
        again = os.path.join(place, "again")
        os.mkdir(again)
        shutil.copy(path, os.path.join(again, os.path.basename(path)))
        served.run("add", again, "--catalog", place, "-q")
        with Server(place, **self.env) as server:
            rejected(server, [h])
            self.assertEqual(server.post("api/trash", {"images": [h]}).json()["files"], 2)
            self.assertEqual(len(self.entries("info")), 2)
            self.assertEqual(server.post("api/restore", {"images": [h]}).json()["files"], 2)
            self.assertTrue(os.path.exists(path) and os.path.exists(os.path.join(again, os.path.basename(path))))

    def test_says_what_cannot_be_written(self):
        place = served.copy("no-bin")
        os.makedirs(os.path.dirname(self.trash))
        with open(self.trash, "w", encoding="ascii") as file:
            file.write("no folder")
        with Server(place, **self.env) as server:
            h, path = server.column("hash")[0], server.column("path")[0]
            rejected(server, [h])
            answer = server.post("api/trash", {"images": [h]}).json()
            self.assertEqual((answer["images"], answer["failed"]), (0, 1))
            self.assertIn(self.trash, answer["why"])
            self.assertTrue(os.path.exists(path))

    def test_is_refused(self):
        place = served.copy("refused-bin")
        with Server(place, **self.env) as server:
            h = server.column("hash")[0]
            rejected(server, [h])
            own = "http://127.0.0.1:%d" % server.port
            body = ('{"images": ["%s"]}' % h).encode()
            for address in ("api/trash", "api/restore", "api/open"):
                for headers in ({}, {"X-Goldpan": "1", "Origin": "http://evil.example"}, {"X-Goldpan": "1", "Origin": own, "Sec-Fetch-Site": "cross-site"}):
                    self.assertEqual(server.ask("POST", server.path(address), body, headers).status, 403, headers)
                self.assertEqual(server.ask("POST", "/%s/%s" % ("0" * 32, address), body, {"X-Goldpan": "1"}).status, 403)
                self.assertEqual(server.get(address).status, 405)
        with Server(place, "--readonly", **self.env) as server:
            self.assertIs(server.manifest()["acts"]["trash"], False)
            for address in ("api/trash", "api/restore"):
                answer = server.post(address, {"images": [h]})
                self.assertEqual((answer.status, answer.json()["error"]), (403, "the explorer was started read-only"))
        self.assertEqual(self.entries("files"), [])
