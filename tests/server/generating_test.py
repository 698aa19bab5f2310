# SPDX-License-Identifier: MIT
"""Tests the page's requests to generate images: an image again, more images like it, stop, and what is refused."""
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import unittest

import served
from served import Events, Server, sql, until

TOOL = os.path.join(served.SOURCE, "tools", "generator.py")
PROMPTS = "a red cat on a beach\ntwo blue cars in the snow\n"


class Generator:
    """Runs the test generator (tools/generator.py) until the end of the `with` block."""

    def __init__(self, *options):
        self.process = subprocess.Popen([sys.executable, TOOL, "serve", "--port", "0", *options], stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def change(place, query, *values):
    with sqlite3.connect(served.catalog_of(place)) as catalog:
        catalog.execute(query, values)


def ended(events):
    """The event at the end of the job."""
    while True:
        name, data, _ = events.next()
        if name == "generate" and not data["running"]:
            return data


class Generating(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.generator = Generator()
        cls.addClassCleanup(cls.generator.__exit__)
        cls.url = cls.generator.url
        cls.made = os.path.join(served.folder, "made")
        prompts = os.path.join(served.folder, "made.txt")
        with open(prompts, "w", encoding="ascii") as file:
            file.write(PROMPTS)
        served.run("generate", prompts, "-n", "2", "-b", cls.url, "--protocol", "a1111", "-W", "64", "-H", "64", "--steps", "7", "-o", cls.made, "-q")

    def copy(self, name):
        place = os.path.join(served.folder, name)
        shutil.copytree(self.made, place)
        change(place, "UPDATE paths SET path = replace(path, ?, ?)", self.made + "/", place + "/")
        return place

    def request(self, h, more=0, **other):
        return {"hash": h, "more": more, "address": self.url, **other}

    def test_makes_the_image_again_with_its_seed_and_settings(self):
        place = self.copy("again")
        with Server(place) as server, Events(server) as events:
            acts = server.manifest()["acts"]
            self.assertEqual((acts["generate"], acts["generator"]), (os.path.join(place, "regenerated"), None))
            h = server.column("hash")[1]
            detail = json.loads(server.get("data/detail/0.json").body)
            self.assertEqual({d["generator"] for d in detail}, {self.url})
            answer = server.post("api/generate", self.request(h))
            self.assertEqual((answer.status, answer.json()), (200, {"wanted": 1}))
            end = ended(events)
            self.assertEqual({k: end[k] for k in ("done", "wanted", "got", "failed", "stopped", "why")},
                             {"done": 1, "wanted": 1, "got": 1, "failed": 0, "stopped": False, "why": ""})
            rows = sql(place, "SELECT g.prompt, g.seed, json_extract(g.settings, '$.width'), json_extract(g.settings, '$.steps'), g.path, lower(hex(i.hash))"
                              " FROM generations g JOIN images i ON i.id = g.image ORDER BY g.id")
            first = next(r for r in rows if r[5] == h)
            self.assertEqual(rows[-1][:4], (first[0], first[1], 64, 7))
            self.assertTrue(rows[-1][4].startswith(os.path.join(place, "regenerated") + "/"))
            self.assertTrue(os.path.exists(rows[-1][4]))
            # the same request again generates nothing, because the image exists
            self.assertEqual(server.post("api/generate", self.request(h)).status, 200)
            end = ended(events)
            self.assertEqual((end["got"], end["had"]), (0, 1))

    def test_makes_more_images_with_new_seeds(self):
        place = self.copy("more")
        with Server(place) as server, Events(server) as events:
            h, prompt = server.column("hash")[0], server.column("prompt")[0]
            same = [i for i, p in enumerate(server.column("prompt")) if p == prompt]
            self.assertEqual(server.post("api/generate", self.request(h, 3)).status, 200)
            end = ended(events)
            self.assertEqual((end["got"], end["done"], end["wanted"], end["failed"]), (3, 3, 3, 0))
            until(lambda: len(server.column("hash")) == 7, "the images were not shown")
            self.assertEqual(server.column("prompt").count(prompt), len(same) + 3)
            seeds = sql(place, "SELECT seed FROM generations WHERE prompt = (SELECT prompt FROM generations g JOIN images i ON i.id = g.image WHERE i.hash = ?) ORDER BY id", bytes.fromhex(h))
            self.assertEqual([s for s, in seeds], [1, 2, 3, 4, 5])
            # and two more
            self.assertEqual(server.post("api/generate", self.request(h, 2)).status, 200)
            self.assertEqual(ended(events)["got"], 2)
            self.assertEqual(sql(place, "SELECT max(seed), count(*) FROM generations"), [(7, 9)])

    def test_sends_what_the_generator_got_and_keeps_the_prompt(self):
        place = self.copy("raw")
        with Server(place) as server, Events(server) as events:
            h = server.column("hash")[0]
            change(place, "UPDATE image_prompts SET raw = 'a (red:1.2) cat' WHERE image = (SELECT id FROM images WHERE hash = ?)", bytes.fromhex(h))
            self.assertEqual(server.post("api/generate", self.request(h, 1)).status, 200)
            self.assertEqual(ended(events)["got"], 1)
            self.assertEqual(sql(place, "SELECT prompt FROM generations ORDER BY id DESC LIMIT 1"), [("a (red:1.2) cat",)])
            self.assertEqual(sql(place, "SELECT count(DISTINCT prompt), count(*) FROM image_prompts"), [(2, 5)])

    def test_stops(self):
        place = self.copy("stopped")
        with Generator("--latency", "0.5") as slow:
            change(place, "UPDATE generations SET settings = json_set(settings, '$.backend', ?)", slow.url)
            with Server(place) as server, Events(server) as events:
                h = server.column("hash")[0]
                self.assertEqual(server.post("api/generate/stop", {}).json(), {"stopping": False})
                self.assertEqual(server.post("api/generate", self.request(h, 64, address=slow.url)).status, 200)
                self.assertEqual(server.post("api/generate", self.request(h, 1, address=slow.url)).status, 429)
                done = 0
                while not done:
                    name, data, _ = events.next()
                    done = data["done"] if name == "generate" else 0
                    self.assertTrue(name != "generate" or data["running"])
                self.assertEqual(server.post("api/generate/stop", {}).json(), {"stopping": True})
                end = ended(events)
                self.assertIs(end["stopped"], True)
                self.assertLess(end["got"], 64)
                got = sql(place, "SELECT count(*) FROM images")[0][0] - 4
                self.assertEqual((end["got"], end["why"]), (got, ""))
                # the next job begins with the seeds that have no image yet; when the server stops, the job stops too
                self.assertEqual(server.post("api/generate", self.request(h, 64, address=slow.url)).status, 200)
                self.assertEqual(server.stop(), 0)
            self.assertLess(sql(place, "SELECT count(*) FROM images WHERE id > 4")[0][0], 64)

    def test_tells_the_pages_when_the_generator_fails(self):
        place = self.copy("failing")
        with Server(place, "--backend", "http://127.0.0.1:9") as server, Events(server) as events:
            acts = server.manifest()["acts"]
            self.assertEqual(acts["generator"], "http://127.0.0.1:9")
            self.assertEqual(server.post("api/generate", self.request(server.column("hash")[0], 2, address="http://127.0.0.1:9")).status, 200)
            end = ended(events)
            self.assertEqual((end["got"], end["stopped"]), (0, False))
            self.assertIn("127.0.0.1", end["why"])

    def test_backend_option_takes_a_command_and_hides_a_login(self):
        place = self.copy("command")
        command = "%s %s draw --prompt {prompt} --seed {seed} --width {width} --height {height} --out {out}" % (sys.executable, TOOL)
        with Server(place, "--backend", command) as server, Events(server) as events:
            self.assertEqual(server.manifest()["acts"]["generator"], command)
            self.assertEqual(server.post("api/generate", self.request(server.column("hash")[0], 1, address=command)).status, 200)
            self.assertEqual(ended(events)["got"], 1)
        with Server(place, "--backend", self.url.replace("://", "://me:secret@")) as server:
            self.assertEqual(server.manifest()["acts"]["generator"], self.url)

    def test_runs_no_command_of_a_catalog(self):
        place = self.copy("crafted")
        touched = os.path.join(served.folder, "touched")
        program = os.path.join(served.folder, "http:")
        os.makedirs(program)
        for backend, protocol in (("touch %s {prompt} {out}" % touched, "command"), ("touch %s {prompt} {out}" % touched, "a1111"),
                                  ("http://x {prompt} {out} && touch %s" % touched, "command"), ("https:touch %s {prompt} {out}" % touched, "command"),
                                  ("http://127.0.0.1:9", "command")):
            change(place, "UPDATE generations SET protocol = ?, settings = json_set(settings, '$.backend', ?)", protocol, backend)
            with Server(place) as server:
                self.assertEqual(server.manifest()["acts"]["generate"], os.path.join(place, "regenerated") if backend == "http://127.0.0.1:9" else None)
                for address in (backend, self.url):
                    answer = server.post("api/generate", self.request(server.column("hash")[0], 1, address=address))
                    self.assertEqual(answer.status, 400, answer.body)
                    self.assertIn("start the explorer with --backend ADDRESS", answer.json()["error"])
        self.assertFalse(os.path.exists(touched))
        self.assertEqual(sql(place, "SELECT count(*) FROM generations"), [(4,)])

    def test_uses_no_address_with_two_readings(self):
        # A browser finds the host 127.0.0.1 in most of these addresses.  A program that searches for '@' first finds
        # another host.
        place = self.copy("readings")
        host = self.url.partition("://")[2]
        for backend in ("http://127.0.0.1#@" + host, "http://127.0.0.1?@" + host, "http://127.0.0.1\\@" + host, "http://me:secret@" + host,
                        "http://127.0.0.1%2e" + host, "http://" + host + "\n"):
            change(place, "UPDATE generations SET settings = json_set(settings, '$.backend', ?)", backend)
            with self.subTest(backend), Server(place) as server:
                self.assertIsNone(server.manifest()["acts"]["generate"])
                self.assertEqual({d["generator"] for d in json.loads(server.get("data/detail/0.json").body)}, {None})
                answer = server.post("api/generate", self.request(server.column("hash")[0], 1, address=backend))
                self.assertEqual(answer.status, 400, answer.body)
                self.assertIn("the catalog records no address of a generator for this image", answer.json()["error"])

    def test_is_refused(self):
        place = self.copy("refused-generate")
        with Server(place) as server:
            h = server.column("hash")[0]
            for body, status, said in ((self.request("0" * 32), 404, "there is no image"), (self.request(h, 65), 400, "0 to 64"), (self.request(h, -1), 400, "0 to 64"), (self.request(h, 1.5), 400, "0 to 64"),
                                       ({"hash": h, "more": 1}, 400, "address"), (self.request(h, 1, address="http://127.0.0.1:1"), 400, "the generator of this image is '%s' now" % self.url), ([h], 400, "object")):
                answer = server.post("api/generate", body)
                self.assertEqual(answer.status, status, answer.body)
                self.assertIn(said, answer.json()["error"])
            for address in ("api/generate", "api/generate/stop"):
                self.assertEqual(server.ask("POST", server.path(address), json.dumps(self.request(h)).encode()).status, 403)
                self.assertEqual(server.get(address).status, 405)
        with Server(place, "--readonly") as server:
            self.assertIsNone(server.manifest()["acts"]["generate"])
            answer = server.post("api/generate", self.request(h, 1))
            self.assertEqual((answer.status, answer.json()["error"]), (403, "the explorer was started read-only"))
        change(place, "UPDATE image_prompts SET settings = json_remove(settings, '$.seed')")
        with Server(place) as server, Events(server) as events:
            self.assertEqual(server.post("api/generate", self.request(h)).status, 200)
            self.assertIn("the seed of this image is not known", ended(events)["why"])
        with Server(served.pictures) as server:  # no image of this catalog comes from a generator that goldpan knows
            self.assertIsNone(server.manifest()["acts"]["generate"])
            answer = server.post("api/generate", self.request(server.column("hash")[0], 1))
            self.assertEqual(answer.status, 400)
            self.assertIn("the catalog records no address of a generator for this image", answer.json()["error"])
        self.assertEqual(sql(place, "SELECT count(*) FROM generations"), [(4,)])
