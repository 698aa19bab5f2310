# SPDX-License-Identifier: MIT
"""Tests downloads from the test hub (hub_server.py), by the program tests/e2e/hub_driver.
Usage: hub_test.py HUB_DRIVER HubTest | PeerTest [unittest options].  PeerTest tests both sides of the shared cache
against the Python package huggingface_hub; it is skipped (77) without that package (GOLDPAN_HF_PYTHON: a Python that
has it)."""
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

from hub_server import Hub, git_sha1

DRIVER = None
TOKEN = "hf_secretsecretsecret"
NAME = "org/tiny-clip"
CONFIG = b'{"model_type": "clip"}\n'
WEIGHTS = bytes((i * 7919 >> 3) & 255 for i in range(300_000))
SMALL = {"config.json": CONFIG, "preprocessor_config.json": b"{}\n", "vocab.json": b'{"a": 0}', "merges.txt": b"#version\n",
         "README.md": b"not wanted\n", "pytorch_model.bin": b"never"}


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def shards(*names):
    return json.dumps({"metadata": {}, "weight_map": {"t%d" % i: n for i, n in enumerate(names)}}).encode()


def tree(folder):
    """Returns every file and link below a folder; links as "path -> target"."""
    found = []
    for at, _, files in os.walk(folder):
        for file in files:
            path = os.path.join(at, file)
            name = os.path.relpath(path, folder)
            found.append("%s -> %s" % (name, os.readlink(path)) if os.path.islink(path) else name)
    return sorted(found)


class HubTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.hub = Hub()
        self.home = tempfile.mkdtemp(prefix="goldpan-hub-")
        self.cache = os.path.join(self.home, "hub")
        self.repo = os.path.join(self.cache, "models--org--tiny-clip")

    def tearDown(self):
        self.hub.close()
        shutil.rmtree(self.home)
        self.assertEqual(self.hub.token_at_cdn, [], "a token reached the other host")

    def env(self, **more):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING", "XDG_", "TRANSFORMERS_"))
               and not k.lower().endswith("_proxy")}
        env.update(HF_HOME=self.home, HF_ENDPOINT=self.hub.url, HOME=self.home)
        env.update(more)
        return env

    def start(self, *args, **env):
        return subprocess.Popen([DRIVER, *args], env=self.env(**env), stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def end(self, process, status):
        out, said = process.communicate(timeout=1800)
        self.assertEqual((process.returncode, said), (0, b""))
        self.assertNotIn(TOKEN.encode(), out)
        self.assertNotIn(b"secret-", out, "a signed link in a message")
        result = json.loads(out)
        self.assertEqual(result["status"], status, result)
        self.assertFalse(result["backwards"] and status == "ok", "progress went backwards")
        return result

    def run_driver(self, *args, status="ok", **env):
        return self.end(self.start(*args, **env), status)

    def fetch(self, *args, status="ok", name=NAME, **env):
        return self.run_driver("fetch", name, *args, status=status, **env)

    def add(self, **more):
        return self.hub.add(NAME, SMALL, lfs={"model.safetensors": WEIGHTS}, **more)

    def blob(self, data):
        return os.path.join(self.repo, "blobs", sha256(data))

    def read(self, folder, file):
        with open(os.path.join(folder, file), "rb") as f:
            return f.read()

    # ---- the straight way

    def test_fresh_download_has_exactly_the_shared_layout(self):
        commit = self.add()
        result = self.fetch()
        wanted = ["config.json", "merges.txt", "preprocessor_config.json", "vocab.json"]
        absent = ["special_tokens_map.json", "tokenizer.json", "tokenizer_config.json"]
        etags = {f: git_sha1(SMALL[f]) for f in wanted}
        etags["model.safetensors"] = sha256(WEIGHTS)
        expected = ["CACHEDIR.TAG"]
        for file, etag in etags.items():
            expected += [".locks/models--org--tiny-clip/%s.lock" % etag, "models--org--tiny-clip/blobs/%s" % etag,
                         "models--org--tiny-clip/snapshots/%s/%s -> ../../blobs/%s" % (commit, file, etag)]
        expected += ["models--org--tiny-clip/.no_exist/%s/%s" % (commit, f) for f in absent]
        expected += ["models--org--tiny-clip/refs/main"]
        self.assertEqual(tree(self.cache), sorted(expected))
        self.assertEqual(result["folder"], os.path.join(self.repo, "snapshots", commit))
        self.assertEqual(self.read(result["folder"], "model.safetensors"), WEIGHTS)
        self.assertEqual(self.read(result["folder"], "config.json"), CONFIG)
        self.assertEqual(self.read(self.repo, "refs/main"), commit.encode())
        size = sum(len(SMALL[f]) for f in wanted) + len(WEIGHTS)
        self.assertEqual((result["done"], result["total"]), (size, size))
        for request in self.hub.requests():
            self.assertEqual(request["headers"].get("accept-encoding"), "identity")

    def test_second_fetch_asks_nobody(self):
        self.add()
        first = self.fetch()
        self.hub.forget()
        self.assertEqual(self.fetch()["folder"], first["folder"])
        self.assertEqual(self.fetch(HF_HUB_OFFLINE="1")["folder"], first["folder"])
        self.assertEqual(self.hub.requests(), [])
        self.assertEqual(self.run_driver("find", NAME)["folder"], first["folder"])

    def test_force_asks_and_repairs(self):
        self.add()
        self.fetch()
        with open(self.blob(WEIGHTS), "r+b") as f:
            f.seek(1000)
            f.write(b"damage")
        self.hub.forget()
        folder = self.fetch("force")["folder"]
        self.assertEqual(self.read(folder, "model.safetensors"), WEIGHTS)
        # two requests for the damaged file: one for the redirect, one for the download
        self.assertEqual(len(self.hub.requests("GET")), 2)
        self.hub.forget()
        self.fetch("force")
        self.assertEqual(self.hub.requests("GET"), [])

    def test_a_branch_that_moved(self):
        old = self.add()
        self.fetch()
        new = self.hub.add(NAME, {**SMALL, "config.json": CONFIG + b" "}, lfs={"model.safetensors": WEIGHTS})
        self.hub.forget()
        self.assertTrue(self.fetch()["folder"].endswith(old))
        self.assertTrue(self.fetch("force")["folder"].endswith(new))
        self.assertEqual(len(self.hub.requests("GET")), 1)  # only the changed file
        self.assertTrue(self.fetch("revision=" + old, HF_HUB_OFFLINE="1")["folder"].endswith(old))

    def test_revisions(self):
        commit = self.add(revision="refs/pr/3")
        self.assertTrue(self.fetch("revision=refs/pr/3")["folder"].endswith(commit))
        self.assertIn("/resolve/refs%2Fpr%2F3/config.json", self.hub.requests()[0]["path"])
        self.assertEqual(self.read(self.repo, "refs/refs/pr/3"), commit.encode())
        self.assertIn("no revision 'nope'", self.fetch("revision=nope", status="not found")["message"])
        for bad in ("../x", "a/../b", "/abs", "a//b", ".hid", "a b"):
            self.fetch("revision=" + bad, status="usage")

    def test_renamed_model_follows_on_the_same_host(self):
        self.add()
        self.hub.add("old/name", {}, moved_to=NAME)
        self.fetch(name="old/name")
        self.assertIn("models--old--name/refs/main", tree(self.cache))

    def test_without_symlinks(self):
        commit = self.add()
        self.fetch(HF_HUB_DISABLE_SYMLINKS="1")
        self.assertIn("models--org--tiny-clip/snapshots/%s/model.safetensors" % commit, tree(self.cache))
        self.assertFalse(any("blobs/" in p for p in tree(self.cache)))
        self.hub.forget()
        self.fetch(HF_HUB_DISABLE_SYMLINKS="1")
        self.assertEqual(self.hub.requests(), [])
        self.fetch("force", HF_HUB_DISABLE_SYMLINKS="1")
        self.assertEqual(self.hub.requests("GET"), [])

    def test_sharded(self):
        a, b = WEIGHTS[:120_000], WEIGHTS[120_000:]
        first, second = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
        commit = self.hub.add(NAME, {**SMALL, "model.safetensors.index.json": shards(second, first, first)},
                              lfs={first: a, second: b, "model-unused.safetensors": b"x"})
        result = self.fetch()
        self.assertEqual(self.read(result["folder"], first) + self.read(result["folder"], second), WEIGHTS)
        self.assertIn("models--org--tiny-clip/.no_exist/%s/model.safetensors" % commit, tree(self.cache))
        self.assertFalse(os.path.exists(os.path.join(result["folder"], "model-unused.safetensors")))
        self.assertEqual(result["done"], result["total"])
        self.hub.forget()
        self.fetch()
        self.assertEqual(self.hub.requests(), [])
        os.unlink(os.path.join(result["folder"], second))
        self.fetch()
        self.assertEqual(self.hub.requests("GET"), [])  # the blob was still there

    # ---- the network fails

    def test_cut_is_continued_in_the_same_call(self):
        self.add()
        self.hub.faults.cut["model.safetensors"] = [100_000, 0, 50_000]
        self.assertEqual(self.fetch()["done"], self.fetch("force")["done"])
        ranges = [r["headers"].get("range") for r in self.hub.requests("GET", "/signed/")]
        self.assertEqual(ranges, [None, "bytes=100000-", "bytes=100000-", "bytes=150000-"])

    def test_resume_of_an_earlier_call(self):
        self.add()
        self.hub.faults.slow["model.safetensors"] = 0.05
        self.fetch("stop=100000", status="stopped")
        part = self.blob(WEIGHTS) + ".incomplete"
        have = os.path.getsize(part)
        self.assertGreaterEqual(have, 100_000 - 100)
        self.assertLess(have, len(WEIGHTS))
        self.assertEqual(self.read(self.repo, "blobs/" + os.path.basename(part)), WEIGHTS[:have])
        self.assertFalse(os.path.exists(os.path.join(self.repo, "refs/main")))
        self.hub.forget()
        result = self.fetch()
        self.assertEqual(self.read(result["folder"], "model.safetensors"), WEIGHTS)
        self.assertEqual([r["headers"].get("range") for r in self.hub.requests("GET", "/signed/")], ["bytes=%d-" % have])
        # two requests for the large file: one for the redirect, one for the download.  The small files were already in
        # the cache.
        self.assertEqual(len(self.hub.requests("GET")), 2)
        self.assertFalse(os.path.exists(part))

    def test_killed_in_the_middle(self):
        self.add()
        self.hub.faults.slow["model.safetensors"] = 0.05
        process = self.start("fetch", NAME)
        part = self.blob(WEIGHTS) + ".incomplete"
        deadline = time.time() + 1800
        while not (os.path.exists(part) and os.path.getsize(part) > 30_000) and time.time() < deadline:
            time.sleep(0.02)
        process.kill()
        process.communicate()
        self.hub.forget()
        self.assertEqual(self.read(self.fetch()["folder"], "model.safetensors"), WEIGHTS)
        self.assertTrue(self.hub.requests("GET", "/signed/")[0]["headers"]["range"].startswith("bytes="))

    def test_resume_where_the_server_has_no_ranges(self):
        self.add()
        self.hub.faults.cut["model.safetensors"] = [100_000]
        self.hub.faults.no_range = True
        self.assertEqual(self.read(self.fetch()["folder"], "model.safetensors"), WEIGHTS)

    def test_another_range_than_asked_for(self):
        self.add()
        self.hub.faults.cut["model.safetensors"] = [100_000]
        self.hub.faults.bad_range = True
        self.assertIn("a range of bytes that was not requested", self.fetch(status="network")["message"])

    def test_a_wrong_or_too_long_beginning_is_replaced(self):
        self.add()
        for begin in (b"wrong" * 1000, WEIGHTS + b"more", b"x" * len(WEIGHTS)):
            os.makedirs(os.path.join(self.repo, "blobs"), exist_ok=True)
            with open(self.blob(WEIGHTS) + ".incomplete", "wb") as f:
                f.write(begin)
            self.assertEqual(self.read(self.fetch()["folder"], "model.safetensors"), WEIGHTS)
            shutil.rmtree(self.cache)

    def test_busy_server_is_asked_again(self):
        self.add()
        self.hub.faults.status["config.json"] = [(500, {})]
        self.hub.faults.status["model.safetensors"] = [(429, {"Retry-After": "2"}), (503, {})]
        begun = time.time()
        self.fetch()
        # the pauses are 0.5 + 2 + 1 s with Retry-After; without Retry-After they would be 0.5 + 0.5 + 1 s
        self.assertGreater(time.time() - begun, 3.2)
        self.hub.forget()
        self.hub.faults.status["config.json"] = [(429, {"Retry-After": "3600"})]
        self.assertIn("wait for 3600 seconds", self.fetch("force", status="network")["message"])

    def test_a_server_that_stays_broken(self):
        self.add()
        self.hub.faults.status["config.json"] = [(502, {})] * 20
        message = self.fetch(status="network")["message"]
        self.assertIn("answered with status 502 (tried 5 times)", message)
        self.assertEqual(len(self.hub.requests()), 5)

    def test_silence_times_out(self):
        self.add()
        self.hub.faults.hang["config.json"] = 30
        begun = time.time()
        # five attempts without data take 5 times 0.2 s, and the pauses between them 7.5 s
        message = self.fetch(status="network", HF_HUB_DOWNLOAD_TIMEOUT="0.2")["message"]
        self.assertIn("no answer for 0.2 seconds (tried 5 times)", message)
        # if the download waited for complete responses, it would take 150 s
        self.assertLess(time.time() - begun, 120)

    def test_a_trickle_times_out(self):
        """Single bytes do not count as progress: without a minimum speed this download would take an hour."""
        self.add()
        self.hub.faults.trickle["model.safetensors"] = 0.05
        message = self.fetch(status="network", HF_HUB_DOWNLOAD_TIMEOUT="0.4")["message"]
        self.assertIn("received at most 1024 bytes in 0.4 seconds (tried 5 times)", message)

    def test_nobody_there(self):
        self.add()
        message = self.fetch(status="network", HF_ENDPOINT="http://127.0.0.1:1")["message"]
        self.assertIn("cannot download 'org/tiny-clip'", message)
        self.assertNotIn("tried", message)  # the download fails at once, without retries
        self.fetch(status="usage", HF_ENDPOINT="ftp://x")

    def test_offline(self):
        self.add()
        message = self.fetch(status="not found", HF_HUB_OFFLINE="1")["message"]
        self.assertIn("HF_HUB_OFFLINE", message)
        self.assertEqual(self.hub.requests(), [])
        self.assertIn("goldpan model get org/tiny-clip", self.run_driver("find", NAME, status="not found")["message"])

    # ---- the other side lies

    def test_wrong_bytes(self):
        self.add()
        for file in ("model.safetensors", "vocab.json"):
            data = WEIGHTS if file == "model.safetensors" else SMALL[file]
            self.hub.faults.wrong[file] = bytes(len(data))
            self.assertIn("'%s' of model" % file, self.fetch(status="format")["message"])
            self.assertEqual([p for p in tree(self.repo) if "incomplete" in p], [])
            del self.hub.faults.wrong[file]
            self.fetch()
            shutil.rmtree(self.cache)

    def test_longer_or_shorter_than_stated(self):
        self.add()
        self.hub.faults.size["model.safetensors"] = 1000
        self.assertIn("longer than the size that the hub states", self.fetch(status="format")["message"])
        self.hub.faults.size["model.safetensors"] = len(WEIGHTS) + 10
        self.assertIn("ended early", self.fetch(status="network")["message"])
        self.hub.faults.size["model.safetensors"] = 1 << 60
        self.fetch(status="limit")

    def test_more_than_the_disk_holds(self):
        self.add()
        self.hub.faults.size["model.safetensors"] = 1 << 45
        self.assertIn("GB of free space", self.fetch(status="io")["message"])
        self.assertEqual([r["path"].rsplit("/", 1)[-1] for r in self.hub.requests("GET")], ["config.json"])

    def test_hostile_names(self):
        self.add()
        for etag in ('"../../../../evil"', '"..%2f"', '""', "W/\"abc\"", '"%s"' % ("A" * 64)):
            self.hub.faults.etag["config.json"] = etag
            self.fetch(status="format")
        self.hub.forget()
        for commit in ("../../etc", "main", "A" * 40, ""):
            self.hub.faults.commit = commit or "-"
            self.fetch(status="format")
        self.hub.forget()
        for shard in ("../../../evil.safetensors", "/etc/passwd", "a/b.safetensors", ".hidden.safetensors", "x.bin", "",
                      "model .safetensors", "a\\b.safetensors", "..", "a\0.safetensors"):
            self.hub.add(NAME, {**SMALL, "model.safetensors.index.json": shards(shard)})
            self.fetch("force", status="format")
        self.assertEqual(sorted(os.listdir(self.home)), ["hub"])
        for name in ("../x", "a/b/c", "a//b", "/a", "a/", "a--b", "a..b", ".a", "a/-b", "a b", "a/b.git", "", "x" * 97):
            self.fetch(status="usage", name=name)

    def test_an_index_that_names_a_missing_shard(self):
        self.hub.add(NAME, {**SMALL, "model.safetensors.index.json": shards("model-1.safetensors")})
        self.assertIn("has no file 'model-1.safetensors'", self.fetch(status="format")["message"])
        for bad in (b"", b"[]", b"{}", b'{"weight_map": {}}', b'{"weight_map": {"a": 3}}', b"[" * 5000):
            self.hub.add(NAME, {**SMALL, "model.safetensors.index.json": bad})
            self.fetch("force", status="format")

    def test_redirects_that_are_refused(self):
        self.add()
        loop = self.hub.url + "/%s/resolve/main/model.safetensors" % NAME
        self.hub.faults.redirect["model.safetensors"] = loop
        self.assertIn("too many redirects", self.fetch(status="network")["message"])
        self.hub.faults.redirect["model.safetensors"] = "file:///etc/passwd"
        self.assertIn("an address that is not http or https", self.fetch(status="network")["message"])

    # ---- who may read

    def test_token_goes_to_the_hub_only(self):
        self.add(token=TOKEN)
        self.hub.faults.cut["model.safetensors"] = [1000]
        self.fetch(HF_TOKEN=TOKEN + "\n")
        for request in self.hub.requests():
            self.assertEqual(request["headers"].get("authorization"), None if request["cdn"] else "Bearer " + TOKEN)
        self.assertTrue(any(r["cdn"] for r in self.hub.requests()))

    def test_token_from_files(self):
        self.add(token=TOKEN)
        with open(os.path.join(self.home, "token"), "w") as f:
            f.write(TOKEN + "\n")
        self.fetch()
        shutil.rmtree(self.cache)
        os.rename(os.path.join(self.home, "token"), os.path.join(self.home, "elsewhere"))
        self.fetch(status="not found")
        self.fetch(HF_TOKEN_PATH=os.path.join(self.home, "elsewhere"))
        self.fetch("force", status="usage", HF_TOKEN="two words")
        self.fetch("force", status="usage", HF_TOKEN="a\r\nX-Injected: 1")

    def test_refusals_say_what_to_do(self):
        self.add(token=TOKEN, gated=True)
        message = self.fetch(status="network")["message"]
        self.assertIn("gated", message)
        self.assertIn("HF_TOKEN", message)
        self.assertIn(self.hub.url + "/" + NAME, message)
        self.assertIn("account that accepted them", self.fetch(status="network", HF_TOKEN="hf_other")["message"])
        self.assertIn("no model 'org/nothing'", self.fetch(status="not found", name="org/nothing")["message"])
        self.hub.faults.plain_404 = True
        self.assertIn("no model 'org/nothing'", self.fetch(status="not found", name="org/nothing")["message"])

    def test_a_mirror_without_error_codes(self):
        self.add()
        self.hub.faults.plain_404 = True
        self.fetch()

    def test_takes_the_weights_that_the_model_has(self):
        """Repositories with the weight files that real ones have on their main branch.  Of these files, goldpan takes
        one, safetensors if possible, and find and a second fetch accept it."""
        other = {"tf_model.h5": b"h5", "flax_model.msgpack": b"flax"}
        safe, pickle = {"model.safetensors": WEIGHTS}, {"pytorch_model.bin": WEIGHTS[1:]}
        laion = {**safe, **pickle, "open_clip_pytorch_model.bin": b"open", "open_clip_model.safetensors": b"clip"}
        for name, weights, taken in (("openai/clip-vit-base-patch32", {**pickle, **other}, "pytorch_model.bin"),
                                     ("openai/clip-vit-base-patch16", {**pickle, **other}, "pytorch_model.bin"),
                                     ("openai/clip-vit-large-patch14-336", {**pickle, **other}, "pytorch_model.bin"),
                                     ("openai/clip-vit-large-patch14", {**safe, **pickle, **other}, "model.safetensors"),
                                     ("laion/CLIP-ViT-B-32-laion2B-s34B-b79K", laion, "model.safetensors")):
            small = {k: v for k, v in SMALL.items() if k != "pytorch_model.bin"}
            self.hub.add(name, {**small, "open_clip_config.json": b"{}"} if weights is laion else small, lfs=weights)
            folder = self.fetch(name=name)["folder"]
            self.assertEqual(self.read(folder, taken), weights[taken], name)
            self.assertEqual([f for f in os.listdir(folder) if f in weights], [taken], name)
            self.assertEqual(self.run_driver("find", name)["folder"], folder)
            self.hub.forget()
            self.fetch(name=name)
            self.assertEqual(self.hub.requests(), [], name)

    def test_open_clip_only(self):
        """A repository in open_clip's layout only, without config.json or with the one of timm."""
        small = {k: v for k, v in SMALL.items() if k not in ("pytorch_model.bin", "config.json", "preprocessor_config.json")}
        small["open_clip_config.json"] = b'{"model_cfg": {}}'
        safe, pickle = {"open_clip_model.safetensors": WEIGHTS}, {"open_clip_pytorch_model.bin": WEIGHTS[1:]}
        timm = {"config.json": b'{"architecture": "vit_base_patch32_clip_224"}', "model.safetensors": b"timm"}
        for name, files, taken in (("timm/vit_base_patch32_clip_224.openai", {**safe, **pickle, **timm}, safe),
                                   ("org/without-config", {**safe, **pickle}, safe), ("apple/DFN", pickle, pickle)):
            self.hub.add(name, small, lfs=files)
            folder = self.fetch(name=name)["folder"]
            (file, data), = taken.items()
            self.assertEqual(self.read(folder, file), data, name)
            self.assertEqual([f for f in os.listdir(folder) if f.endswith((".bin", ".safetensors"))], [file], name)
            self.assertEqual(self.run_driver("find", name)["folder"], folder)
            self.hub.forget()
            self.fetch(name=name)
            self.assertEqual(self.hub.requests(), [], name)
            os.unlink(os.path.join(folder, file))
            self.assertIn("incomplete", self.run_driver("find", name, status="not found")["message"])

    def test_sharded_checkpoint(self):
        small = {k: v for k, v in SMALL.items() if k != "pytorch_model.bin"}
        first, second = "pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin"
        self.hub.add(NAME, {**small, "pytorch_model.bin.index.json": shards(second, first)},
                     lfs={first: b"a", second: b"b"})
        folder = self.fetch()["folder"]
        self.assertEqual(self.read(folder, first) + self.read(folder, second), b"ab")
        self.hub.forget()
        self.fetch()
        self.assertEqual(self.hub.requests(), [])
        os.unlink(os.path.join(folder, second))
        self.assertIn(second, self.run_driver("find", NAME, status="not found")["message"])

    def test_no_weights(self):
        self.hub.add(NAME, {"config.json": CONFIG, "tf_model.h5": b"x"})
        message = self.fetch(status="unsupported")["message"]
        self.assertIn("has neither model.safetensors nor pytorch_model.bin", message)
        self.assertEqual([r["path"].rsplit("/", 1)[-1] for r in self.hub.requests("GET")], ["config.json"])
        self.hub.add(NAME, {"README.md": b"x"})
        self.assertIn("neither config.json nor open_clip_config.json",
                      self.fetch("force", status="unsupported")["message"])

    # ---- beside others

    def test_two_at_once_fetch_each_byte_once(self):
        self.add()
        self.hub.faults.slow["model.safetensors"] = 0.03
        both = [self.start("fetch", NAME) for _ in range(2)]
        for process in both:
            folder = self.end(process, "ok")["folder"]
            self.assertEqual(self.read(folder, "model.safetensors"), WEIGHTS)
        self.assertEqual(len(self.hub.requests("GET", "/signed/")), 1)

    def test_list(self):
        commit = self.add()
        self.fetch()
        self.hub.add("bare", {**SMALL, "config.json": b'{"model_type": "bert"}'}, lfs={"model.safetensors": b"abc"})
        self.fetch(name="bare")
        os.makedirs(os.path.join(self.cache, "models--half--done", "snapshots", "0" * 40))
        models = self.run_driver("list")["models"]
        self.assertEqual([(m["name"], m["revision"], m["usable"]) for m in models],
                         [("bare", "main", False), (NAME, "main", True)])
        self.assertEqual(models[1]["bytes"], len(WEIGHTS) + sum(len(SMALL[f]) for f in SMALL
                                                               if f not in ("README.md", "pytorch_model.bin")))
        self.assertTrue(models[1]["folder"].endswith(commit))
        shutil.rmtree(self.cache)
        self.assertEqual(self.run_driver("list")["models"], [])


PEER = """
import json, sys
from huggingface_hub import hf_hub_download, snapshot_download, try_to_load_from_cache, _CACHED_NO_EXIST
{body}
"""


class PeerTest(HubTest):
    """Tests with the real huggingface_hub."""

    python = os.environ.get("GOLDPAN_HF_PYTHON") or sys.executable

    def peer(self, body, **env):
        done = subprocess.run([self.python, "-c", PEER.format(body=body)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=self.env(HF_HUB_DISABLE_XET="1", HF_HUB_DISABLE_TELEMETRY="1", **env), timeout=1800)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return json.loads(done.stdout)

    def test_it_finds_what_goldpan_wrote(self):
        commit = self.add()
        folder = self.fetch()["folder"]
        for disable in ({}, {"HF_HUB_DISABLE_SYMLINKS": "1"}):
            found = self.peer("""
print(json.dumps([snapshot_download("org/tiny-clip"), try_to_load_from_cache("org/tiny-clip", "model.safetensors"),
                  try_to_load_from_cache("org/tiny-clip", "tokenizer.json") is _CACHED_NO_EXIST,
                  hf_hub_download("org/tiny-clip", "vocab.json")]))""", HF_HUB_OFFLINE="1", **disable)
            self.assertEqual(found, [folder, os.path.join(folder, "model.safetensors"), True,
                                     os.path.join(folder, "vocab.json")])
            shutil.rmtree(self.cache)
            self.assertEqual(self.fetch(HF_HUB_DISABLE_SYMLINKS="1")["folder"], folder)
        self.hub.forget()
        before = tree(self.cache)
        self.peer("print(json.dumps([hf_hub_download('org/tiny-clip', 'model.safetensors')]))")
        self.assertEqual(self.hub.requests("GET"), [])
        self.assertEqual(tree(self.cache), before)
        self.assertTrue(folder.endswith(commit))

    def test_goldpan_finds_what_it_wrote(self):
        self.add()
        for disable in ({}, {"HF_HUB_DISABLE_SYMLINKS": "1"}):
            path = self.peer("""
for f in ("config.json", "preprocessor_config.json", "vocab.json", "merges.txt", "model.safetensors"):
    path = hf_hub_download("org/tiny-clip", f)
print(json.dumps(path))""", **disable)
            self.hub.forget()
            result = self.fetch(HF_HUB_OFFLINE="1")
            self.assertEqual(result["folder"], os.path.dirname(path))
            self.assertEqual(self.run_driver("find", NAME)["folder"], result["folder"])
            self.fetch("force")
            self.assertEqual(self.hub.requests("GET"), [])
            shutil.rmtree(self.cache)

    def test_half_of_it_each(self):
        self.add()
        self.peer("print(json.dumps(hf_hub_download('org/tiny-clip', 'model.safetensors')))")
        self.hub.forget()
        result = self.fetch()
        self.assertEqual(self.hub.requests("GET", "model.safetensors"), [])
        self.assertEqual(self.read(result["folder"], "model.safetensors"), WEIGHTS)


for _name in [n for n in dir(HubTest) if n.startswith("test_")]:
    setattr(PeerTest, _name, None)  # removes the tests that the class inherits, but keeps its helper functions

if __name__ == "__main__":
    DRIVER = os.path.abspath(sys.argv.pop(1))
    if "PeerTest" in sys.argv and subprocess.run([PeerTest.python, "-c", "import huggingface_hub"], stderr=subprocess.DEVNULL).returncode:
        print("skipped: no Python with huggingface_hub here")
        sys.exit(77)
    unittest.main(verbosity=1)
