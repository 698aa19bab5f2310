# SPDX-License-Identifier: MIT
"""goldpan generate against the test generator (tools/generator.py): every protocol, every fault, kills, restarts.
Usage: generate_test.py GOLDPAN"""
import contextlib
import http.server
import json
import os
import shlex
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

GOLDPAN = None
SOURCE = Path(os.environ.get("GOLDPAN_SOURCE", "."))
TOOL = SOURCE / "tools" / "generator.py"
MODEL = SOURCE / "models" / "drawn-world-mini"
PROMPTS = """Prompt\tCategory\tChallenge
a red cat on a beach\tanimals\tBasic
two blue cars in the snow\tvehicles\tQuantity
a pencil sketch of three dogs in the snow at night\tanimals\tStyle & Format
portrait of a smiling woman with gray hair\tpeople\tBasic
"""
GRAPH = {
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "drawn-world.safetensors"}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "x", "clip": ["4", 1]}, "_meta": {"title": "My prompt"}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "", "clip": ["4", 1]}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 512, "batch_size": 1}},
    "3": {"class_type": "KSampler", "inputs": {
        "model": ["4", 0], "seed": 0, "steps": 20, "cfg": 7.0, "sampler_name": "euler", "scheduler": "normal",
        "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0], "denoise": 1.0}},
    "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
    "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "g"}}}


def chunks(path):
    """Returns a list of (type, data), one for each chunk of a PNG."""
    data, at = path.read_bytes(), 8
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        yield kind, data[at + 8:at + 8 + size]
        at += 12 + size


def pixels(path):
    """Returns the compressed pixels of a PNG. Two files with equal pixels have equal compressed pixels, because one
    program wrote all files."""
    return b"".join(data for kind, data in chunks(path) if kind == b"IDAT")


def rows(folder, sql):
    """Returns the result of a query to the folder's catalog, after an integrity check."""
    db = sqlite3.connect(folder / ".goldpan" / "catalog.db")
    try:
        intact = db.execute("PRAGMA integrity_check").fetchone()[0]
        assert intact == "ok", intact
        return db.execute(sql).fetchall()
    finally:
        db.close()


def http_date(ahead):
    """Returns the time that is `ahead` seconds from now, as a date for a Retry-After header."""
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + ahead))


class Server:
    def __init__(self, home, *args, port=0):
        self.log = home / ("log-%d.jsonl" % time.monotonic_ns())
        self.process = subprocess.Popen([sys.executable, TOOL, "serve", "--port", str(port), "--log", self.log, *args],
                                        stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()

    def requests(self):
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []

    def posts(self):
        """Returns the bodies of the jobs sent in ComfyUI's protocol."""
        return [r["body"] for r in self.requests() if r["path"] == "/prompt" and r["method"] == "POST"]

    def drawn(self):
        return sum(r.get("drawn", 0) for r in self.requests())

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Stub(http.server.BaseHTTPRequestHandler):
    """The base class of handlers for servers that are not generators."""

    def answer(self, code, body):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words):
        pass


@contextlib.contextmanager
def serving(handler):
    """Runs a server with this handler, and yields the server's URL."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield "http://127.0.0.1:%d" % server.server_address[1]
        finally:
            server.shutdown()


class GenerateTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.home = Path(tempfile.mkdtemp(prefix="goldpan-generate-"))
        (cls.home / "prompts.tsv").write_text(PROMPTS)
        (cls.home / "graph.json").write_text(json.dumps(GRAPH))
        with Server(cls.home) as server:
            cls.undisturbed = cls.home / "undisturbed"
            cls.generate(server.url, cls.undisturbed, "--protocol", "a1111")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.home)

    @classmethod
    def command(cls, backend, out, *more, prompts="prompts.tsv", n=3):
        return [GOLDPAN, "generate", cls.home / prompts, "-n", str(n), "-b", backend, "-o", out, "-W", "96", "-H", "96", "--json", *more]

    @classmethod
    def generate(cls, backend, out, *more, code=0, **other):
        run = subprocess.run(cls.command(backend, out, *more, **other), capture_output=True, text=True)
        assert run.returncode == code, "%d: %s %s" % (run.returncode, run.stdout, run.stderr)
        return json.loads(run.stdout) if run.stdout else {"error": run.stderr}

    def rows(self, out, sql):
        return rows(out, sql)

    def pictures(self, out):
        """Returns {(prompt, number): pixels} of the images that the catalog lists, and checks that there is no other
        file."""
        rows = self.rows(out, "SELECT prompt, number, path FROM v_generations WHERE state = 'got'")
        files = {str(p.resolve()) for p in out.rglob("*") if p.is_file() and ".goldpan" not in p.parts}
        self.assertEqual({str(Path(p).resolve()) for _, _, p in rows}, files)
        return {(prompt, number): pixels(Path(path)) for prompt, number, path in rows}

    def check_same(self, out):
        self.assertEqual(self.pictures(out), self.pictures(self.undisturbed))

    # ---- protocols

    def test_every_protocol_draws_the_same(self):
        for protocol, more in (("a1111", ()), ("sdcpp", ()), ("swarmui", ("--protocol", "swarmui")),
                               ("comfyui", ("--workflow", self.home / "graph.json")),
                               ("comfyui", ("--workflow", self.home / "graph.json", "--set", "My prompt.text=@prompt", "--set", "3.seed=@seed",
                                            "--set", "5.width=@width", "--set", "5.height=@height"))):
            with self.subTest(protocol=protocol, more=len(more)), Server(self.home) as server:
                out = Path(tempfile.mkdtemp(dir=self.home))
                said = self.generate(server.url, out, "--protocol", protocol, *more)
                self.assertEqual((said["planned"], said["got"], said["had"], said["failed"]), (12, 12, 0, 0))
                self.check_same(out)
                drawn = server.drawn()
                again = self.generate(server.url, out, "--protocol", protocol, *more)
                self.assertEqual((again["got"], again["had"]), (0, 12))
                self.assertEqual((drawn, server.drawn()), (12, 12))

    def test_the_protocol_is_found_out(self):
        with Server(self.home) as server:
            out = self.home / "found-out"
            self.generate(server.url, out, "--workflow", self.home / "graph.json", n=1)
            self.assertEqual(self.rows(out, "SELECT DISTINCT protocol FROM v_generations"), [("comfyui",)])

    def test_what_is_set_in_a_graph_must_be_there(self):
        with Server(self.home) as server:
            for words, said in ((("6.txt=@prompt",), "no such node and input"), (("My Prompt.text=@prompt",), "no such node and input"),
                                (("6.text=@promt",), "there is no variable '@promt'"), (("6.text=a fixed text",), "where the prompt goes")):
                more = [word for w in words for word in ("--set", w)]
                told = self.generate(server.url, self.home / "set", "--protocol", "comfyui", "--workflow", self.home / "graph.json", *more, code=2)
                self.assertIn(said, told["error"]["message"])
            self.assertEqual(server.drawn(), 0)

    def test_a_prompt_that_is_there_twice_is_one(self):
        (self.home / "twice.txt").write_text("a red cat on a beach\ntwo blue cars in the snow\na red cat on a beach\n")
        with Server(self.home) as server:
            said = self.generate(server.url, self.home / "twice", "--protocol", "a1111", "--jobs", "3", prompts="twice.txt")
            self.assertEqual((said["planned"], said["got"]), (6, 6))

    def test_openai_has_no_seeds_and_refuses(self):
        (self.home / "refused.txt").write_text("a red cat on a beach\n\na forbidden thing\n")
        with Server(self.home, "--key", "secret-key") as server:
            out = self.home / "openai"
            os.environ["GOLDPAN_GENERATOR_KEY"] = "secret-key"
            try:
                said = self.generate(server.url, out, "--protocol", "openai", "--checkpoint", "gpt-image-1", prompts="refused.txt")
                self.assertEqual((said["got"], said["refused"], said["failed"]), (3, 3, 0))
                self.assertEqual(self.rows(out, "SELECT state, count(*), count(seed) FROM v_generations GROUP BY state ORDER BY 1"),
                                 [("got", 3, 0), ("refused", 3, 0)])
                drawing = lambda: sum(r["method"] == "POST" for r in server.requests())
                before = drawing()
                said = self.generate(server.url, out, "--protocol", "openai", "--checkpoint", "gpt-image-1", "--seed", "5", prompts="refused.txt", code=2)
                self.assertIn("openai does not support seeds", said["error"]["message"])
                self.generate(server.url, out, "--protocol", "openai", "--checkpoint", "gpt-image-1", prompts="refused.txt")
                self.assertEqual(drawing(), before, "what is refused is not asked for again")
                body = next(r["body"] for r in server.requests() if r["path"] == "/v1/images/generations")
                self.assertEqual(body, {"prompt": "a red cat on a beach", "model": "gpt-image-1", "n": 1, "size": "96x96", "output_format": "png"})
            finally:
                del os.environ["GOLDPAN_GENERATOR_KEY"]
            self.assertNotIn(b"secret-key", (out / ".goldpan" / "catalog.db").read_bytes())
            wrong = subprocess.run(self.command(server.url, out, "--protocol", "openai", "--tries", "1", prompts="prompts.tsv", n=1),
                                   capture_output=True, text=True)
            self.assertEqual(wrong.returncode, 3)

    def test_a_command_draws_and_its_words_are_safe(self):
        nasty = self.home / "nasty.txt"
        nasty.write_text("a red cat on a beach\n'; touch %s/owned; echo \"$(id)\" `id` {seed} \\\n" % self.home)
        template = "%s %s draw --prompt {prompt} --seed {seed} --width {width} --height {height} --out {out}" % (
            shlex.quote(sys.executable), shlex.quote(str(TOOL)))
        out = self.home / "command"
        said = self.generate(template, out, prompts="nasty.txt", n=2)
        self.assertEqual((said["got"], said["failed"]), (4, 0))
        self.assertFalse((self.home / "owned").exists())
        reference = self.pictures(self.undisturbed)
        got = self.pictures(out)
        self.assertEqual(got[("a red cat on a beach", 1)], reference[("a red cat on a beach", 1)])
        self.assertTrue(any("$(id)" in prompt for prompt, _ in got))

    def test_a_command_that_fails(self):
        out = self.home / "failing"
        said = self.generate("sh -c 'exit 7' {prompt} {seed} {out}", out, "--tries", "2", n=1, code=3)
        self.assertEqual((said["got"], said["failed"]), (0, 4))
        self.assertIn("ended with exit code 7", self.rows(out, "SELECT message FROM v_generations")[0][0])
        self.assertIn("must contain {prompt} and {out}", self.generate("draw {prompt}", out, code=2)["error"]["message"])

    # ---- requests

    def test_what_is_asked_of_a1111(self):
        with Server(self.home, "--auth", "me:pass word") as server:
            out = self.home / "asked"
            self.generate(server.url, out, "--protocol", "a1111", "--login", "me:pass word", "--steps", "12", "--cfg", "5.5", "--sampler", "Euler a",
                          "--scheduler", "Karras", "--negative", "blurry", "--checkpoint", "drawn-world", "--refiner", "second", "--refiner-at", "0.8",
                          "--seed", "77", n=2)
            asked = [r["body"] for r in server.requests() if r["path"] == "/sdapi/v1/txt2img"]
            self.assertEqual(len(asked), 8)
            key = asked[0].pop("force_task_id")
            self.assertRegex(key, "^[0-9a-f]{32}$")
            self.assertEqual(asked[0], {
                "prompt": "a red cat on a beach", "negative_prompt": "blurry", "seed": 77, "steps": 12, "cfg_scale": 5.5, "width": 96, "height": 96,
                "sampler_name": "Euler a", "scheduler": "Karras", "refiner_checkpoint": "second", "refiner_switch_at": 0.8,
                "override_settings": {"sd_model_checkpoint": "drawn-world"}, "batch_size": 1, "n_iter": 1, "send_images": True, "save_images": False})
            self.assertEqual(sorted({a["seed"] for a in asked}), [77, 78])
            settings = json.loads(self.rows(out, "SELECT settings FROM v_images ORDER BY path LIMIT 1")[0][0])
            self.assertEqual((settings["steps"], settings["sampler"], settings["cfg_scale"]), (12, "Euler a", 5.5))
            self.assertIn("model_hash", settings)
            self.assertIn(settings["Category"], ("animals", "vehicles", "people"))

    def test_the_file_alone_is_enough(self):
        """If a generator writes no text into its files, goldpan adds the text. A new catalog then gets prompt, seed
        and settings from the file."""
        with Server(self.home) as server:
            out, alone = self.home / "swarm", self.home / "alone"
            self.generate(server.url, out, "--protocol", "swarmui", "--steps", "9", n=1)
            shutil.copytree(out, alone, ignore=shutil.ignore_patterns(".goldpan"))
        subprocess.run([GOLDPAN, "add", alone], check=True, capture_output=True)
        rows = self.rows(alone, "SELECT prompt, json_extract(settings, '$.seed') FROM v_images ORDER BY 1")
        self.assertEqual(rows, [(line.split("\t")[0], 1) for line in sorted(PROMPTS.splitlines()[1:])])

    def test_progress_and_preview_of_a_slow_picture(self):
        with Server(self.home, "--latency", "3.5", "--auth", "me:pw") as server:
            out, preview = self.home / "slow", self.home / "preview.png"
            (self.home / "one.txt").write_text("a red cat on a beach\n")
            self.generate(server.url, out, "--protocol", "a1111", "--login", "me:pw", "--preview", preview, prompts="one.txt", n=1)
            glances = [r for r in server.requests() if r["path"] == "/sdapi/v1/progress"]
            self.assertGreaterEqual(len(glances), 2)
            self.assertTrue(all(r["answer"] == 200 and r["query"] == {"skip_current_image": "false"} for r in glances), glances[:2])
            self.assertEqual(preview.read_bytes()[:4], b"\x89PNG")

    # ---- faults

    def test_faults_change_nothing(self):
        for protocol, faults in (("a1111", ("500:4", "503:7", "drop:9", "garbage:11")), ("a1111", ("notimage:4", "truncated:7")), ("a1111", ("429:5",)),
                                 ("comfyui", ("500:4", "drop:7")), ("sdcpp", ("500:4", "truncated:7", "failed:5")), ("swarmui", ("503:4", "notimage:7")),
                                 ("a1111", ("timeout:5",))):
            more = [word for f in faults for word in ("--fault", f)]
            with self.subTest(protocol=protocol, faults=faults), Server(self.home, "--retry-after", "1", *more) as server:
                out = Path(tempfile.mkdtemp(dir=self.home))
                given = ("--workflow", self.home / "graph.json") if protocol == "comfyui" else ()
                said = self.generate(server.url, out, "--protocol", protocol, "--tries", "8", "--timeout",
                                     "4" if "timeout:5" in faults else "60", *given)
                self.assertEqual((said["got"], said["failed"]), (12, 0))
                self.check_same(out)

    def test_a_grid_first_and_data_prefixes(self):
        with Server(self.home, "--grid", "--data-prefix") as server:
            out = self.home / "grid"
            self.generate(server.url, out, "--protocol", "a1111")
            self.check_same(out)

    def test_jobs_at_once(self):
        with Server(self.home, "--latency", "0.05") as server:
            out = self.home / "jobs"
            self.generate(server.url, out, "--protocol", "a1111", "--jobs", "4")
            self.check_same(out)

    def test_kill_and_go_on(self):
        with Server(self.home, "--latency", "0.15") as server:
            out, kills = self.home / "killed", 0
            for _ in range(8):
                child = subprocess.Popen(self.command(server.url, out, "--protocol", "a1111"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                time.sleep(0.4)
                kills += child.poll() is None
                child.kill()
                child.wait()
            self.assertGreaterEqual(kills, 3, "the run was over before it could be killed")
            said = self.generate(server.url, out, "--protocol", "a1111")
            self.assertEqual(said["planned"], said["got"] + said["had"])
            self.check_same(out)
            self.assertLessEqual(server.drawn(), 12 + kills, "at most the picture under way is drawn twice")

    def test_a_file_without_its_row_is_found(self):
        """A kill between the rename of a file and the update of its row: the file exists, and the state of the row
        is `submitted`."""
        with Server(self.home) as server:
            out = self.home / "found"
            self.generate(server.url, out, "--protocol", "a1111")
            db = sqlite3.connect(out / ".goldpan" / "catalog.db")
            db.execute("UPDATE generations SET state = 'submitted', path = NULL, image = NULL WHERE number = 1")
            db.commit()
            db.close()
            victim = next(out.rglob("00001-*.png"))
            victim.write_bytes(victim.read_bytes()[:300])
            before = server.drawn()
            said = self.generate(server.url, out, "--protocol", "a1111")
            self.assertEqual((said["got"], said["had"]), (1, 11))
            self.assertEqual(server.drawn() - before, 1, "only the broken file is drawn again")
            self.check_same(out)

    def test_interrupt_says_how_to_go_on(self):
        with Server(self.home, "--latency", "0.3") as server:
            out = self.home / "interrupted"
            child = subprocess.Popen(self.command(server.url, out, "--protocol", "a1111"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            while server.drawn() < 2 and child.poll() is None:
                time.sleep(0.02)
            child.send_signal(signal.SIGINT)
            said = child.communicate()[1]
            self.assertEqual(child.returncode, 130)
            self.assertIn("the same command continues", said)
            self.assertLess(server.drawn(), 12)  # goldpan was stopped before the server had drawn all images
            self.generate(server.url, out, "--protocol", "a1111")
            self.check_same(out)

    def test_the_server_goes_and_comes_back(self):
        out = self.home / "restarted"
        with Server(self.home, "--latency", "0.2") as server:
            port = server.url.rsplit(":", 1)[1]
            child = subprocess.Popen(self.command(server.url, out, "--protocol", "a1111", "--tries", "9"), stdout=subprocess.PIPE, text=True)
            time.sleep(1)
        time.sleep(1)
        with Server(self.home, port=port):
            said = json.loads(child.communicate(timeout=1800)[0])
        self.assertEqual((child.returncode, said["got"], said["failed"]), (0, 12, 0))
        self.check_same(out)

    def test_nobody_there(self):
        said = self.generate("http://127.0.0.1:9", self.home / "nobody", code=1)
        self.assertIn("127.0.0.1:9", said["error"]["message"])

    def nothing_is_left(self, out):
        self.assertFalse(out.exists(), [str(p) for p in out.rglob("*")] if out.exists() else "")

    def test_a_run_that_cannot_begin_leaves_nothing(self):
        (self.home / "empty.txt").write_text("\n\n")
        (self.home / "broken.json").write_text("{")
        (self.home / "editor.json").write_text(json.dumps({"nodes": [], "links": []}))
        (self.home / "no-column.csv").write_text("a,b\n1,2\n")
        with Server(self.home) as server, Server(self.home, "--no-api") as page:
            dead = "http://127.0.0.1:9"
            for n, (backend, words, prompts, code) in enumerate((
                    (dead, (), "prompts.tsv", 1), (dead, ("--protocol", "a1111"), "prompts.tsv", 1), (dead, ("--protocol", "swarmui"), "prompts.tsv", 1),
                    (dead, ("--protocol", "openai"), "prompts.tsv", 1), ("http://no.such.host.invalid", ("--protocol", "sdcpp"), "prompts.tsv", 1),
                    (page.url, (), "prompts.tsv", 2), (page.url, ("--protocol", "a1111"), "prompts.tsv", 2),
                    (server.url, ("--protocol", "a1111"), "empty.txt", None), (server.url, ("--protocol", "a1111"), "absent.txt", None),
                    (server.url, ("--protocol", "a1111"), "no-column.csv", None), (server.url, ("--protocol", "comfyui"), "prompts.tsv", 2),
                    (server.url, ("--protocol", "comfyui", "--workflow", self.home / "broken.json"), "prompts.tsv", None),
                    (server.url, ("--protocol", "comfyui", "--workflow", self.home / "editor.json"), "prompts.tsv", 2),
                    (server.url, ("--protocol", "comfyui", "--workflow", self.home / "graph.json", "--set", "6.none=@prompt"), "prompts.tsv", 2),
                    (server.url, ("--protocol", "nonsense"), "prompts.tsv", 2), ("draw {prompt}", (), "prompts.tsv", 2),
                    (server.url, ("--protocol", "comfyui", "--workflow", self.home / "graph.json", "--hires", "2"), "prompts.tsv", None),
                    (server.url, ("--protocol", "a1111", "--score", "--model", self.home / "no-model"), "prompts.tsv", None),
                    (server.url, ("--protocol", "a1111", "--catalog", self.home / "prompts.tsv"), "prompts.tsv", None))):
                with self.subTest(n=n, backend=backend, words=words, prompts=prompts):
                    out = self.home / ("nothing-%d" % n)
                    run = subprocess.run(self.command(backend, out, *words, prompts=prompts), capture_output=True, text=True)
                    self.assertIn(run.returncode, (1, 2, 4, 5) if code is None else (code,), run.stdout + run.stderr)
                    self.nothing_is_left(out)

    # ---- time limits for whole answers

    def test_an_answer_that_trickles_is_ended(self):
        one = self.home / "one-prompt.txt"
        one.write_text("a red cat on a beach\n")
        graph = ("--workflow", self.home / "graph.json")
        for protocol, given, server_words in (
                ("a1111", (), ("--fault", "trickle:1")), ("a1111", (), ("--fault", "slowhead:1")), ("a1111", (), ("--fault", "timeout:1")),
                ("comfyui", graph, ("--trickle", "/history")), ("comfyui", graph, ("--trickle", "/queue")), ("comfyui", graph, ("--trickle", "/prompt")),
                ("comfyui", graph, ("--trickle", "/view")), ("sdcpp", (), ("--trickle", "/sdcpp/v1/jobs")), ("swarmui", (), ("--trickle", "/API/GetNewSession")),
                ("swarmui", (), ("--trickle", "/View")), ("openai", (), ("--fault", "trickle:1"))):
            with self.subTest(protocol=protocol, server=server_words), Server(self.home, *server_words) as server:
                out = Path(tempfile.mkdtemp(dir=self.home))
                said = self.generate(server.url, out, "--protocol", protocol, *given, "--timeout", "0.7", "--tries", "1", prompts=one.name, n=1, code=3)
                self.assertEqual((said["got"], said["failed"]), (0, 1))
                self.assertIn("the answer was not complete after 0.7 seconds", said["why"])

    def test_who_trickles_when_asked_who_it_is(self):
        with Server(self.home, "--trickle", "/") as server:
            out = self.home / "who"
            told = self.generate(server.url, out, "--timeout", "0.5", code=1)
            self.assertIn("the answer was not complete after 0.5 seconds", told["error"]["message"])
            self.nothing_is_left(out)

    def test_progress_that_trickles_does_not_hold_up_the_answer(self):
        with Server(self.home, "--latency", "2.5", "--trickle", "/sdapi/v1/progress") as server:
            said = self.generate(server.url, self.home / "glance", "--protocol", "a1111", prompts="prompts.tsv", n=1)
            self.assertEqual(said["got"], 4)

    def test_a_command_that_does_not_end_is_ended(self):
        out = self.home / "endless"
        said = self.generate("sh -c 'sleep 1000' {prompt} {seed} {out}", out, "--timeout", "0.5", "--tries", "1", n=1, code=3)
        self.assertEqual(said["failed"], 4)
        self.assertIn("did not end within 0.5 seconds", said["why"])

    def test_retry_after(self):
        one = self.home / "once.txt"
        one.write_text("a red cat on a beach\n")
        for header, wanted in (("2", "asks to wait 2 s"), (http_date(-1000), None), ("-5", None), ("soon", None),
                               ("", None), ("nan", None), ("1e400", None), ("0", None)):
            with self.subTest(header=header), Server(self.home, "--retry-after", header, "--fault", "429:2") as server:
                out = Path(tempfile.mkdtemp(dir=self.home))
                run = subprocess.run(self.command(server.url, out, "--protocol", "a1111", prompts=one.name, n=2), capture_output=True, text=True)
                said = json.loads(run.stdout)
                self.assertEqual((run.returncode, said["got"], said["failed"]), (0, 2, 0))
                lines = [line for line in run.stderr.splitlines() if "asks to wait" in line]
                self.assertEqual(len(lines), 1 if wanted else 0, run.stderr)
                if wanted:
                    self.assertRegex(lines[0], wanted)
                self.assertEqual([note["code"] for note in said["notes"]], ["generator-waits"] if wanted else [])

    def test_a_poll_waits_as_it_is_asked(self):
        """A proxy in front of the server rejects a poll of the job, and goldpan polls again."""
        one = self.home / "polled.txt"
        one.write_text("a red cat on a beach\n")
        for protocol, given in (("comfyui", ("--workflow", self.home / "graph.json")), ("sdcpp", ())):
            with self.subTest(protocol=protocol), Server(self.home, "--busy", "/history:2", "--busy", "/sdcpp/v1/jobs:1", "--retry-after", "2") as server:
                out = Path(tempfile.mkdtemp(dir=self.home))
                run = subprocess.run(self.command(server.url, out, "--protocol", protocol, *given, "--tries", "1", prompts=one.name, n=1), capture_output=True, text=True)
                self.assertEqual((run.returncode, json.loads(run.stdout)["got"]), (0, 1), run.stderr)
                self.assertIn("asks to wait 2 s", run.stderr)
                self.assertEqual(sum(r["answer"] == 429 for r in server.requests()), 1)

    def test_a_long_retry_after_is_bounded_said_and_interrupted(self):
        for header in ("86400", "99999999999999999999", http_date(40000)):
            with self.subTest(header=header), Server(self.home, "--retry-after", header, "--fault", "503:1") as server:
                out = Path(tempfile.mkdtemp(dir=self.home))
                child = subprocess.Popen(self.command(server.url, out, "--protocol", "a1111", n=1), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                said = ""
                while "asks to wait" not in said:
                    line = child.stderr.readline()
                    self.assertTrue(line, said)
                    said += line
                self.assertIn("tries again after 60 s", said)
                child.send_signal(signal.SIGINT)
                child.communicate()
                self.assertEqual(child.returncode, 130)

    # ---- recognising the program at an address

    def test_a_web_interface_without_its_api(self):
        with Server(self.home, "--no-api") as server:
            for words in ((), ("--protocol", "a1111")):
                told = self.generate(server.url, self.home / "no-api", *words, code=2)
                self.assertIn("start it with --api", told["error"]["message"])

    def test_a_page_of_swarmui(self):
        """The message contains the hint "give --protocol swarmui" only if the command line has no --protocol
        swarmui."""

        class Page(Stub):
            def do_GET(self):
                self.answer(200 if self.path == "/" else 404, b"<title>SwarmUI</title>")

            def do_POST(self):
                self.send_error(404)

        with serving(Page) as url:
            for words in ((), ("--protocol", "a1111")):
                told = self.generate(url, self.home / "swarm", *words, code=2)
                self.assertIn("the server is SwarmUI: give --protocol swarmui", told["error"]["message"])
            said = self.generate(url, self.home / "swarm", "--protocol", "swarmui", "--tries", "1", n=1, code=3)
            self.assertIn("the server is SwarmUI, but its API does not answer as expected", said["why"])
            self.assertNotIn("--protocol", said["why"])

    def test_an_address_without_its_scheme(self):
        with Server(self.home) as server:
            bare = server.url.removeprefix("http://")
            said = self.generate(bare, self.home / "bare", "--protocol", "a1111", n=1)
            self.assertEqual(said["got"], 4)
            self.assertEqual(self.rows(self.home / "bare", "SELECT DISTINCT protocol FROM v_generations"), [("a1111",)])
            self.generate("localhost:" + bare.split(":")[1], self.home / "bare-2", "--workflow", self.home / "graph.json", n=1)
            self.assertEqual(self.rows(self.home / "bare-2", "SELECT DISTINCT protocol FROM v_generations"), [("comfyui",)])

    def test_the_usual_ports(self):
        """Without -b, goldpan tries the default port of each protocol. The test skips ports that another program on
        this machine uses."""
        for port, words in ((8188, ("--workflow", self.home / "graph.json")), (8188, ("--protocol", "comfyui", "--workflow", self.home / "graph.json")),
                            (7860, ("--protocol", "a1111")), (7860, ()), (1234, ("--protocol", "sdcpp")), (7801, ("--protocol", "swarmui"))):
            with self.subTest(port=port, words=words), socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    continue
                run = subprocess.run([GOLDPAN, "generate", self.home / "prompts.tsv", "-o", self.home / "usual", "--json", *words], capture_output=True, text=True)
                self.assertEqual(run.returncode, 1)
                self.assertIn("'http://127.0.0.1:%d/" % port, json.loads(run.stdout)["error"]["message"])
                self.nothing_is_left(self.home / "usual")

    def test_a_login_that_is_wanted(self):
        with Server(self.home, "--auth", "me:pw", "--key", "secret") as server:
            told = self.generate(server.url, self.home / "locked", code=2)
            self.assertIn("--login", told["error"]["message"])

    # ---- scores

    def test_scored_as_they_come_then_picked(self):
        with Server(self.home) as server:
            out = self.home / "scored"
            said = self.generate(server.url, out, "--protocol", "a1111", "--score", "--model", MODEL, n=4)
            self.assertEqual((said["got"], said["scored"]), (16, 16))
        self.assertEqual(self.rows(out, "SELECT count(*) FROM v_images WHERE score IS NOT NULL"), [(16,)])
        picks = subprocess.run([GOLDPAN, "pick", "--catalog", out, "--model", MODEL], check=True, capture_output=True, text=True).stdout
        self.assertEqual(len(picks.splitlines()), 4)
        with Server(self.home) as server:
            larger = self.home / "larger"
            again = subprocess.run([GOLDPAN, "regenerate", out, "-b", server.url, "--protocol", "a1111", "-o", larger, "--hires", "2", "--steps", "44",
                                    "--json"], check=True, capture_output=True, text=True).stdout
            self.assertEqual(json.loads(again)["got"], 4)
            body = next(r["body"] for r in server.requests() if r["path"] == "/sdapi/v1/txt2img")
            self.assertEqual((body["width"], body["enable_hr"], body["hr_scale"], body["steps"]), (96, True, 2, 44))
        rows = self.rows(out, "SELECT i.prompt, i.width, json_extract(i.settings, '$.seed'), json_extract(o.settings, '$.seed') FROM v_images i"
                              " JOIN v_images o ON o.path = json_extract(i.settings, '$.regenerated_from') ORDER BY 1")
        self.assertEqual(len(rows), 4)
        for prompt, width, seed, before in rows:
            self.assertEqual((width, seed), (192, before), prompt)
        # A command that is stored in a catalog never runs, because the catalog may come from a stranger.
        marker = self.home / "ran"
        with sqlite3.connect(out / ".goldpan" / "catalog.db") as catalog:
            catalog.execute("UPDATE generations SET settings = json_set(settings, '$.backend', ?)", (f"touch {marker} {{out}} {{prompt}} {{seed}}",))
        refused = subprocess.run([GOLDPAN, "regenerate", out, "-o", self.home / "never"], capture_output=True, text=True)
        self.assertEqual(refused.returncode, 2, refused.stderr)
        self.assertIn("which is not an http or https address: give --backend", refused.stderr)
        self.assertFalse(marker.exists())
        # goldpan does not send the user's login to an address that is stored in a catalog.
        with Server(self.home, "--auth", "me:pw") as server:
            with sqlite3.connect(out / ".goldpan" / "catalog.db") as catalog:
                catalog.execute("UPDATE generations SET settings = json_set(settings, '$.backend', ?)", (server.url,))
            secret = {**os.environ, "GOLDPAN_GENERATOR_LOGIN": "me:pw"}
            words = [GOLDPAN, "regenerate", out, "--protocol", "a1111", "-o", self.home / "secret", "--tries", "1"]
            kept = subprocess.run(words, capture_output=True, text=True, env=secret)
            self.assertNotEqual(kept.returncode, 0, kept.stderr)
            self.assertIn("sent only with --backend", kept.stderr)
            self.assertIn("401", kept.stderr)
            sent = subprocess.run([*words, "-b", server.url], capture_output=True, text=True, env=secret)
            self.assertEqual(sent.returncode, 0, sent.stderr)

    def test_adaptive_is_bounded_and_goes_on(self):
        with Server(self.home) as server:
            out, whole = self.home / "adaptive", self.home / "adaptive-whole"
            said = self.generate(server.url, whole, "--protocol", "a1111", "--adaptive", "--model", MODEL, n=6)
            self.assertLessEqual(said["got"], 24)
            self.assertGreater(said["rounds"], 1)
            per = dict(self.rows(whole, "SELECT prompt, count(*) FROM v_generations GROUP BY prompt"))
            self.assertTrue(all(2 <= n <= 18 for n in per.values()), per)
            child = subprocess.Popen(self.command(server.url, out, "--protocol", "a1111", "--adaptive", "--model", MODEL, n=6),
                                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(0.5)
            child.kill()
            child.wait()
            self.generate(server.url, out, "--protocol", "a1111", "--adaptive", "--model", MODEL, n=6)
            self.assertEqual(self.pictures(out), self.pictures(whole))


if __name__ == "__main__":
    GOLDPAN = os.path.abspath(sys.argv.pop(1))
    unittest.main()
