# SPDX-License-Identifier: MIT
"""`goldpan model get` against the hub of hub_server.py: its output, the progress line, Ctrl-C, and continuing
afterwards.  Usage: get_test.py GOLDPAN [unittest options]"""
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from pathlib import Path

from hub_server import Hub

GOLDPAN = None
SOURCE = Path(os.environ.get("GOLDPAN_SOURCE", ".")).resolve()
NAME = "org/tiny-clip"
WEIGHTS = bytes((i * 7919 >> 3) & 255 for i in range(300_000))


class GetTest(unittest.TestCase):
    def setUp(self):
        self.hub = Hub()
        self.home = tempfile.mkdtemp(prefix="goldpan-get-")
        self.commit = self.hub.add(NAME, {"config.json": b'{"model_type": "clip"}'}, lfs={"model.safetensors": WEIGHTS})

    def tearDown(self):
        self.hub.close()
        shutil.rmtree(self.home)

    def start(self, *args, **more):
        env = {k: v for k, v in os.environ.items() if k in ("PATH", "LD_LIBRARY_PATH") or k.endswith("SAN_OPTIONS")}
        env.update({"HF_HOME": self.home, "HF_ENDPOINT": self.hub.url, "HOME": self.home, "TERM": "xterm", **more})
        return subprocess.Popen([GOLDPAN, "model", *args], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    @staticmethod
    def end(process):
        out, said = process.communicate(timeout=1800)
        # text=True is not used, because it would turn carriage returns into newlines
        return out.decode(), said.decode()

    def run_goldpan(self, *args, code=0, **more):
        process = self.start(*args, **more)
        out, said = self.end(process)
        self.assertEqual(process.returncode, code, said)
        return out, said

    def folder(self):
        return os.path.join(self.home, "hub/models--org--tiny-clip/snapshots", self.commit)

    def test_prints_the_folder_and_nothing_else(self):
        self.assertEqual(self.run_goldpan("get", NAME), (self.folder() + "\n", ""))
        out, said = self.run_goldpan("get", NAME, "--json")
        self.assertEqual((json.loads(out), said), ({"name": NAME, "folder": self.folder(), "licence": None}, ""))
        out, _ = self.run_goldpan("list")
        # if goldpan is installed, the list also contains the bundled model
        rows = [line for line in out.splitlines() if "bundled" not in line]
        self.assertEqual(rows, ["model\trevision\tsize\tstate", "org/tiny-clip\tmain\t300 kB\tusable"])

    def test_progress_is_for_terminals(self):
        self.hub.faults.slow["model.safetensors"] = 0.02
        out, said = self.run_goldpan("get", NAME, GOLDPAN_PRETEND_TTY="1")
        self.assertEqual(out, self.folder() + "\n")
        self.assertRegex(said, r"\rdownload  [\d.]+ kB / 300 kB  \d+%  [\d.]+ [kM]B/s  ETA 0:\d\d\x1b\[K")
        self.assertTrue(said.endswith("\r\x1b[K"))
        for args, env in ((("--quiet",), {"GOLDPAN_PRETEND_TTY": "1"}), ((), {"GOLDPAN_PRETEND_TTY": "1", "TERM": "dumb"}), ((), {})):
            self.assertEqual(self.run_goldpan("get", NAME, "--force", *args, **env)[1], "")

    def interrupt(self, number):
        self.hub.faults.slow["model.safetensors"] = 0.1
        process = self.start("get", NAME)
        part = os.path.join(self.home, "hub/models--org--tiny-clip/blobs", hashlib.sha256(WEIGHTS).hexdigest() + ".incomplete")
        deadline = time.time() + 1800
        while time.time() < deadline and not (os.path.exists(part) and os.path.getsize(part)):
            time.sleep(0.02)
        process.send_signal(number)
        out, said = self.end(process)
        self.assertEqual(out, "")
        return process.returncode, said

    def test_interrupt_keeps_what_came_and_says_how_to_go_on(self):
        code, said = self.interrupt(signal.SIGINT)
        self.assertEqual(code, 130)
        self.assertIn("press Ctrl-C again", said)
        self.assertIn("the same command continues:\n  goldpan model get org/tiny-clip\n", said)
        complete = "; complete it with: goldpan model get org/tiny-clip --revision " + self.commit
        self.assertIn("incomplete: model.safetensors is missing" + complete, self.run_goldpan("list")[0])
        model = next(m for m in json.loads(self.run_goldpan("list", "--json")[0])["models"] if not m["bundled"])
        self.assertEqual((model["usable"], model["lacks"]), (False, "model.safetensors"))
        self.assertIn("model 'org/tiny-clip' is incomplete on this machine: snapshot %s has no model.safetensors%s" % (self.commit, complete),
                      self.run_goldpan("info", NAME, code=1)[1])
        self.hub.forget()
        self.assertEqual(self.run_goldpan("get", NAME)[0], self.folder() + "\n")
        self.assertIn("range", self.hub.requests("GET", "/signed/")[0]["headers"])

    def test_a_model_without_its_tokenizer(self):
        """A cache without tokenizer files, as transformers leaves it if a program requested only the weights."""
        folder = SOURCE / "models" / "drawn-world-mini"
        commit = self.hub.add("org/mini", {f.name: f.read_bytes() for f in folder.iterdir()})
        self.run_goldpan("get", "org/mini")
        os.unlink(os.path.join(self.home, "hub/models--org--mini/snapshots", commit, "vocab.json"))
        self.assertIn("incomplete: vocab.json is missing; complete it with: goldpan model get org/mini\n", self.run_goldpan("list")[0])
        images = os.path.join(self.home, "images")
        shutil.copytree(SOURCE / "sample" / "drawn-world" / "food", images)
        run = subprocess.run([GOLDPAN, "run", images, "--model", "org/mini"], capture_output=True, text=True,
                             env={**os.environ, "HF_HOME": self.home, "HF_HUB_OFFLINE": "1"})
        self.assertIn("model 'org/mini' is incomplete on this machine: it has no tokenizer", run.stderr)
        self.assertIn("complete it with: goldpan model get org/mini\n", run.stderr)
        self.run_goldpan("get", "org/mini")
        self.assertIn("usable", self.run_goldpan("list")[0])

    def test_terminate(self):
        self.assertEqual(self.interrupt(signal.SIGTERM)[0], 143)

    def test_a_closed_pipe_is_quiet(self):
        self.run_goldpan("get", NAME)
        process = self.start("list")
        process.stdout.close()
        self.assertEqual(process.stderr.read(), b"")
        process.stderr.close()
        process.wait(timeout=1800)

    def test_failures(self):
        out, said = self.run_goldpan("get", "org/nothing", code=1)
        self.assertEqual(out, "")
        self.assertIn("goldpan: error: no model 'org/nothing'", said)
        out, _ = self.run_goldpan("get", "org/nothing", "--json", code=1)
        self.assertEqual(json.loads(out)["error"]["status"], "not found")


if __name__ == "__main__":
    GOLDPAN = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=1)
