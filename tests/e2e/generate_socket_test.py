# SPDX-License-Identifier: MIT
"""goldpan generate uses ComfyUI's WebSocket, and also works if the WebSocket fails. Usage: generate_socket_test.py
GOLDPAN"""
import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import generate_test
from generate_test import GRAPH, Server

PROMPTS = ["a red cat on a beach", "two blue cars in the snow", "three green birds", "a yellow house", "a gray dog"]


class Version(ctypes.Structure):
    _fields_ = [("age", ctypes.c_int), ("version", ctypes.c_char_p), ("number", ctypes.c_uint), ("host", ctypes.c_char_p),
                ("features", ctypes.c_int), ("tls", ctypes.c_char_p), ("tls_number", ctypes.c_long),
                ("zlib", ctypes.c_char_p), ("protocols", ctypes.POINTER(ctypes.c_char_p))]


def why_not(goldpan):
    """Returns why goldpan's libcurl has no WebSocket, or "" if it has one."""
    said = subprocess.run(["ldd", goldpan], capture_output=True, text=True).stdout
    path = re.search(r"=> (\S*/libcurl\.so\S*)", said)
    if not path:
        return "goldpan's libcurl is not found"
    library = ctypes.CDLL(path.group(1))
    library.curl_version_info.restype = ctypes.POINTER(Version)
    version, names = library.curl_version_info(3).contents, []
    while version.protocols[len(names)]:
        names.append(version.protocols[len(names)])
    good = version.number >= 0x080B00 and b"ws" in names
    return "" if good else "libcurl %s has no WebSocket" % version.version.decode()


class SocketTest(unittest.TestCase):
    def setUp(self):
        self.home = Path(tempfile.mkdtemp(prefix="goldpan-socket-"))
        (self.home / "graph.json").write_text(json.dumps(GRAPH))
        (self.home / "prompts.txt").write_text("\n".join(PROMPTS) + "\n")

    def tearDown(self):
        shutil.rmtree(self.home)

    def command(self, server, out="out", *more):
        return [generate_test.GOLDPAN, "generate", self.home / "prompts.txt", "-n", "1", "-b", server.url, "--protocol", "comfyui", "--workflow",
                self.home / "graph.json", "-W", "64", "-H", "64", "-o", self.home / out, "--json", *more]

    def draw(self, server, *more):
        run = subprocess.run(self.command(server, "out", *more), capture_output=True, text=True)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        said = json.loads(run.stdout)
        self.assertEqual((said["got"], said["failed"]), (len(PROMPTS), 0), said)
        self.assertEqual(len([p for p in (self.home / "out").rglob("*.png") if ".goldpan" not in p.parts]), len(PROMPTS))
        return said

    def count(self, server, begin, method="GET"):
        return sum(r["path"].startswith(begin) and r["method"] == method for r in server.requests())

    def test_few_questions(self):
        with Server(self.home, "--latency", "0.8") as server:
            said = self.draw(server)
            self.assertEqual(said["notes"], [])
            sockets = [r for r in server.requests() if r["path"] == "/ws"]
            posts = server.posts()
            self.assertEqual({p["client_id"] for p in posts}, {r["query"]["clientId"] for r in sockets})
            self.assertEqual(len(sockets), len({p["client_id"] for p in posts}), "one connection for each worker")
            # goldpan sends one request to /history before each job and one after it. More requests can only come from
            # the wait for the first job.
            few = self.count(server, "/history/")
        shutil.rmtree(self.home / "out")
        with Server(self.home, "--latency", "0.8", "--socket", "refused") as server:
            self.draw(server)
            many = self.count(server, "/history/")
        self.assertLessEqual(few, 2 * len(PROMPTS) + 12)
        self.assertGreater(many, few * 2)

    def test_the_login_is_sent(self):
        with Server(self.home, "--auth", "me:secret") as server:
            self.draw(server, "--login", "me:secret")
            self.assertEqual({r["answer"] for r in server.requests() if r["path"] == "/ws"}, {101})

    def test_a_bad_socket_costs_no_picture(self):
        for kind in ("refused", "closes", "garbage", "noise", "silent"):
            with self.subTest(kind), Server(self.home, "--socket", kind, "--latency", "0.2") as server:
                self.assertEqual(self.draw(server)["notes"], [])
                self.assertEqual(server.drawn(), len(PROMPTS))
                self.assertGreaterEqual(self.count(server, "/ws"), 1)
                # goldpan has two workers, and a worker does not reconnect at once after a failure
                self.assertLessEqual(self.count(server, "/ws"), 4)
                self.assertLess(self.count(server, "/history/"), 120)
            shutil.rmtree(self.home / "out")

    def test_no_answer_to_the_handshake(self):
        with Server(self.home, "--socket", "hangs") as server:
            begin = time.monotonic()
            self.draw(server)
            # goldpan waits 2 seconds for the WebSocket only once, not before each image
            self.assertLess(time.monotonic() - begin, 20)

    def test_failed_jobs_are_told_of(self):
        with Server(self.home, "--fault", "failed:4") as server:
            self.draw(server)

    def test_ctrl_c(self):
        with Server(self.home, "--latency", "30") as server:
            process = subprocess.Popen(self.command(server), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            while not self.count(server, "/prompt", "POST"):
                time.sleep(0.05)
            time.sleep(1)
            begin = time.monotonic()
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=20)
            self.assertLess(time.monotonic() - begin, 4)


if __name__ == "__main__":
    generate_test.GOLDPAN = os.path.abspath(sys.argv.pop(1))
    why = why_not(generate_test.GOLDPAN)
    if why:
        print("skipped: " + why)
        sys.exit(77)
    unittest.main()
