# SPDX-License-Identifier: MIT
"""goldpan generate with special behaviour of real servers that generate_comfy_test.py does not test: ComfyUI's cache, bare
NaN and files without a graph, an empty `info`, and the OpenAI API.  Usage: generator_habits_test.py GOLDPAN"""
import copy
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
import urllib.request
from pathlib import Path

import generate_test
from generate_test import GRAPH, Server, pixels

GOLDPAN = None


def node(kind, **inputs):
    return {"class_type": kind, "inputs": inputs}


class HabitsTest(unittest.TestCase):
    def setUp(self):
        self.home = Path(tempfile.mkdtemp(prefix="goldpan-habits-"))
        self.output = self.home / "comfy-output"
        self.output.mkdir()

    def tearDown(self):
        shutil.rmtree(self.home)

    def server(self, *args):
        return Server(self.home, *args)

    def command(self, url, out, prompts, *more, graph=None, n=1):
        table = self.home / "prompts.txt"
        table.write_text("".join(p + "\n" for p in prompts))
        if graph:
            (self.home / "graph.json").write_text(json.dumps(graph))
            more = ("--protocol", "comfyui", "--workflow", self.home / "graph.json", *more)
        return [GOLDPAN, "generate", table, "-b", url, "-o", self.home / out, "-n", str(n), "-W", "96", "-H", "96", "--json", *more]

    def generate(self, url, out, prompts, *more, code=0, **other):
        run = subprocess.run(self.command(url, out, prompts, *more, **other), capture_output=True, text=True)
        self.assertEqual(run.returncode, code, run.stdout + run.stderr)
        return json.loads(run.stdout)

    def rows(self, out, sql):
        return generate_test.rows(self.home / out, sql)

    def pixels(self, out):
        return {(prompt, number): pixels(Path(path))
                for prompt, number, path in self.rows(out, "SELECT prompt, number, path FROM v_generations WHERE state = 'got'")}

    def right(self, *prompts, n=1):
        """Returns the expected pixels of these prompts, from a server without special behaviour (AUTOMATIC1111's
        protocol)."""
        with self.server() as server:
            self.generate(server.url, "right", prompts, "--protocol", "a1111", n=n)
        return self.pixels("right")

    # ---- ComfyUI

    def test_what_is_cached_is_no_new_picture(self):
        """If a graph is sent again with another job id, ComfyUI returns the name of the old file from its cache."""
        with self.server("--output", self.output) as server:
            for out, more in (("first", ()), ("second", ("--set", "6.text=@prompt", "--set", "3.seed=@seed", "--set", "5.width=96", "--set", "5.height=96"))):
                self.assertEqual(self.generate(server.url, out, ["a red cat on a beach"], *more, graph=GRAPH)["got"], 1)
            self.assertEqual(server.drawn(), 1)
        self.assertEqual(self.pixels("first"), self.pixels("second"))

    def test_the_file_alone_is_enough_without_metadata(self):
        with self.server("--disable-metadata") as server:
            self.generate(server.url, "bare", ["a red cat on a beach", "two blue cars in the snow"], graph=GRAPH, n=2)
        shutil.copytree(self.home / "bare", self.home / "alone", ignore=shutil.ignore_patterns(".goldpan"))
        subprocess.run([GOLDPAN, "add", self.home / "alone"], check=True, capture_output=True)
        self.assertEqual(self.rows("alone", "SELECT prompt, json_extract(settings, '$.seed') FROM v_images ORDER BY 1, 2"),
                         [("a red cat on a beach", 1), ("a red cat on a beach", 2), ("two blue cars in the snow", 1), ("two blue cars in the snow", 2)])

    def test_bare_nan_in_queue_and_history(self):
        graph = copy.deepcopy(GRAPH)
        graph["20"] = node("TestFresh", image=["8", 0])
        graph["9"]["inputs"]["images"] = ["20", 0]
        with self.server("--latency", "0.2") as server:
            self.assertEqual(self.generate(server.url, "nan", ["a red cat on a beach", "two blue cars in the snow"], graph=graph)["got"], 2)
            queue = urllib.request.urlopen(server.url + "/queue").read()
        self.assertIn(b"NaN", queue)
        self.assertEqual(self.pixels("nan"), self.right("a red cat on a beach", "two blue cars in the snow"))

    # ---- AUTOMATIC1111 and compatible programs

    def test_an_empty_info(self):
        """stable-diffusion.cpp's server sends an empty `info`; the seed is in the image file."""
        with self.server("--empty-info") as server:
            self.generate(server.url, "info", ["a red cat on a beach"], "--protocol", "a1111", "--seed", "77", n=2)
        self.assertEqual(self.rows("info", "SELECT json_extract(settings, '$.seed'), json_extract(settings, '$.model') FROM v_images ORDER BY 1"),
                         [(77, "drawn-world"), (78, "drawn-world")])

    def test_a_sampler_that_the_server_would_pass_over(self):
        """stable-diffusion.cpp's server uses its default sampler if it does not know the requested name."""
        with self.server() as server:
            for words, wanted in ((("--sampler", "Euler a"), "no sampler 'Euler a'; choose one of: euler, euler_a"),
                                  (("--scheduler", "Karras"), "no scheduler 'Karras'; choose one of: discrete, karras")):
                said = self.generate(server.url, "passed-over", ["a red cat on a beach"], "--protocol", "sdcpp", *words, code=2)
                self.assertIn(wanted, said["error"]["message"])
            self.generate(server.url, "known", ["a red cat on a beach"], "--protocol", "sdcpp", "--sampler", "euler_a", "--scheduler", "karras")
            self.assertEqual(server.drawn(), 1)

    # ---- the OpenAI API

    def test_a_model_that_rewrites_prompts_and_gives_addresses(self):
        with self.server() as server:
            self.generate(server.url + "/v1", "rewritten", ["a red cat on a beach"], "--checkpoint", "dall-e-3", n=2)
        self.assertEqual(self.rows("rewritten", "SELECT DISTINCT prompt, json_extract(settings, '$.revised_prompt') FROM v_images"),
                         [("a red cat on a beach", "A detailed view: a red cat on a beach.")])
        shutil.copytree(self.home / "rewritten", self.home / "alone", ignore=shutil.ignore_patterns(".goldpan"))
        subprocess.run([GOLDPAN, "add", self.home / "alone"], check=True, capture_output=True)
        self.assertEqual(self.rows("alone", "SELECT DISTINCT prompt, json_extract(settings, '$.revised_prompt') FROM v_images"),
                         [("a red cat on a beach", "A detailed view: a red cat on a beach.")])

    def test_a_server_that_draws_from_one_seed(self):
        """With the protocol `openai`, stable-diffusion.cpp's server would generate equal images for a prompt."""
        with self.server("--one-seed", "42") as server:
            for url in (server.url, server.url + "/v1"):
                said = self.generate(url, "one-seed", ["a red cat on a beach"], "--protocol", "openai", n=2, code=2)
                self.assertIn("uses seed 42 for every image of a prompt: use --protocol sdcpp", said["error"]["message"])
            self.assertEqual(server.drawn(), 0)
            self.assertEqual(self.generate(server.url, "one", ["a red cat on a beach"], "--protocol", "openai")["got"], 1)

    def test_no_money_left(self):
        """A 429 with insufficient_quota: waiting does not help, so goldpan does not retry."""
        with self.server("--fault", "quota:1") as server:
            self.generate(server.url + "/v1", "quota", ["a red cat on a beach"], "--checkpoint", "gpt-image-1", code=3)
            self.assertEqual(sum(r["method"] == "POST" for r in server.requests()), 1)
        self.assertIn("exceeded your current quota", self.rows("quota", "SELECT message FROM v_generations")[0][0])


if __name__ == "__main__":
    GOLDPAN = generate_test.GOLDPAN = os.path.abspath(sys.argv.pop(1))
    unittest.main()
