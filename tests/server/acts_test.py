# SPDX-License-Identifier: MIT
"""Tests what the page can do with files: open the folder of an image."""
import os
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
            # a catalog that names another file opens nothing
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
