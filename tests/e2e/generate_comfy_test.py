# SPDX-License-Identifier: MIT
"""goldpan generate with ComfyUI's special behaviour, which the test generator imitates: reused file names, batches, errors
reported by the server, interrupted jobs, jobs that stay in the queue.
Usage: generate_comfy_test.py GOLDPAN"""
import base64
import copy
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request
from pathlib import Path

import generate_test
from generate_test import GRAPH, TOOL, Server, Stub, serving


def graph_of(path):
    """Returns the graph in a PNG of ComfyUI."""
    for kind, data in generate_test.chunks(path):
        if kind == b"tEXt" and data.startswith(b"prompt\0"):
            return json.loads(data[7:])
    return None


class ComfyTest(unittest.TestCase):
    def setUp(self):
        self.home = Path(tempfile.mkdtemp(prefix="goldpan-comfy-"))
        self.graph("graph.json")

    def tearDown(self):
        shutil.rmtree(self.home)

    def graph(self, name, change=None):
        graph = copy.deepcopy(GRAPH)
        if change:
            change(graph)
        (self.home / name).write_text(json.dumps(graph))
        return self.home / name

    def command(self, server, out, *more, prompts=("a red cat on a beach",), n=1, graph="graph.json"):
        table = self.home / "prompts.txt"
        table.write_text("\n".join(prompts) + "\n")
        return [generate_test.GOLDPAN, "generate", table, "-n", str(n), "-b", server.url, "--workflow", self.home / graph, "-o", self.home / out,
                "--json", *more]

    def run_it(self, server, out, *more, code=0, **other):
        run = subprocess.run(self.command(server, out, *more, **other), capture_output=True, text=True)
        self.assertEqual(run.returncode, code, run.stdout + run.stderr)
        return json.loads(run.stdout) if run.stdout else {}

    def files(self, out):
        return sorted(p for p in (self.home / out).rglob("*.png") if ".goldpan" not in p.parts)

    def rows(self, out, sql):
        return generate_test.rows(self.home / out, sql)

    def codes(self, said):
        return [note["code"] for note in said["notes"]]

    # ---- the received image is the requested image

    def test_a_name_that_was_given_again(self):
        folder = self.home / "server"
        with Server(self.home, "--output", folder) as server:
            self.run_it(server, "a", prompts=("a red cat on a beach",))
            for name in folder.rglob("*.png"):
                name.unlink()
            self.run_it(server, "b", prompts=("two blue cars in the snow",))
            said = self.run_it(server, "c", prompts=("a red cat on a beach",))
            self.assertEqual([graph_of(p)["6"]["inputs"]["text"] for p in self.files("c")], ["a red cat on a beach"])
            self.assertEqual(self.codes(said), ["generator-reused-name"])
            self.assertEqual(self.run_it(server, "c", prompts=("a red cat on a beach",))["had"], 1)

    def test_a_file_that_is_gone(self):
        folder = self.home / "server"
        with Server(self.home, "--output", folder) as server:
            self.run_it(server, "a")
            for name in folder.rglob("*.png"):
                name.unlink()
            said = self.run_it(server, "b")
            self.assertEqual((said["got"], self.codes(said)), (1, ["generator-reused-name"]))
            self.assertEqual(graph_of(self.files("b")[0])["6"]["inputs"]["text"], "a red cat on a beach")

    def test_images_without_a_word(self):
        with Server(self.home, "--disable-metadata") as server:
            said = self.run_it(server, "bare", n=3)
            self.assertEqual((said["got"], self.codes(said)), (3, ["generator-bare"]))

    def test_a_generator_that_draws_something_else(self):
        other = self.home / "other.png"
        subprocess.run([sys.executable, TOOL, "draw", "--prompt", "two blue cars in the snow", "--seed", "1", "--width", "64", "--height", "64", "--out", other],
                       check=True, capture_output=True)

        class Wrong(Stub):
            def do_GET(self):
                self.answer(200, json.dumps({"images": [base64.b64encode(other.read_bytes()).decode()], "info": ""}).encode())

            do_POST = do_GET

        with serving(Wrong) as url:
            (self.home / "p.txt").write_text("a red cat on a beach\n")
            run = subprocess.run([generate_test.GOLDPAN, "generate", self.home / "p.txt", "-n", "1", "--protocol", "a1111", "--json", "-o", self.home / "wrong",
                                  "-b", url], capture_output=True, text=True)
        said = json.loads(run.stdout)
        self.assertEqual((run.returncode, said["got"], said["failed"]), (3, 0, 1))
        self.assertEqual(said["why"], "the image was generated from the prompt 'two blue cars in the snow'")
        self.assertEqual(self.files("wrong"), [])

    # ---- batches

    def test_a_whole_batch_is_kept(self):
        graph = self.graph("batch.json", lambda g: g["5"]["inputs"].update(batch_size=3))
        with Server(self.home) as server:
            said = self.run_it(server, "batch", graph=graph, n=2)
            self.assertEqual((said["planned"], said["got"], said["had"]), (6, 6, 0))
            rows = self.rows("batch", "SELECT seed, json_extract(settings, '$.batch_index') FROM v_generations ORDER BY 1")
            self.assertEqual([r[0] for r in rows], [1, 1, 1, 2, 2, 2])
            indexes = self.rows("batch", "SELECT json_extract(settings, '$.seed'), json_extract(settings, '$.batch_index') FROM v_images ORDER BY 1, 2")
            self.assertEqual(indexes, [(seed, index) for seed in (1, 2) for index in (1, 2, 3)])
            self.assertEqual(len({p.read_bytes() for p in self.files("batch")}), 6)
            drawn = server.drawn()
            said = self.run_it(server, "batch", graph=graph, n=2)
            self.assertEqual((said["planned"], said["got"], said["had"], server.drawn()), (6, 0, 6, drawn))

    def test_a_batch_whose_rows_were_not_written(self):
        """goldpan is killed after it wrote the files and before it stored the rows: the next run finds the whole
        batch."""
        graph = self.graph("batch.json", lambda g: g["5"]["inputs"].update(batch_size=3))
        with Server(self.home) as server:
            self.run_it(server, "batch", graph=graph)
            shutil.rmtree(self.home / "batch" / ".goldpan")
            said = self.run_it(server, "batch", graph=graph)
            self.assertEqual((said["had"], said["got"], len(self.files("batch")), server.drawn()), (3, 0, 3, 3))
            # this file is written last, so without it the batch is incomplete
            next(p for p in self.files("batch") if p.stem.count("-") == 1).unlink()
            shutil.rmtree(self.home / "batch" / ".goldpan")
            said = self.run_it(server, "batch", graph=graph)
            self.assertEqual((said["had"], said["got"], len(self.files("batch")), server.drawn()), (0, 3, 3, 3))

    def test_two_savers_with_two_prompts(self):
        def change(g):
            g["16"] = {"class_type": "CLIPTextEncode", "inputs": {"text": "a lighthouse", "clip": ["4", 1]}}
            g["13"] = copy.deepcopy(g["3"])
            g["13"]["inputs"]["positive"] = ["16", 0]
            g["18"] = {"class_type": "VAEDecode", "inputs": {"samples": ["13", 0], "vae": ["4", 2]}}
            g["19"] = {"class_type": "SaveImage", "inputs": {"images": ["18", 0], "filename_prefix": "other"}}
        with Server(self.home) as server:
            graph = self.graph("two.json", change)
            self.assertIn("several texts", self.run_it(server, "none", graph=graph, code=2)["error"]["message"])
            for node, file in (("6", "first"), ("16", "second")):
                said = self.run_it(server, file, "--set", node + ".text=@prompt", graph=graph)
                self.assertEqual((said["got"], self.codes(said)), (1, ["graph-many-savers"]))
                reference = self.run_it(server, file + "-alone")
                self.assertEqual(reference["got"], 1)
                self.assertEqual(generate_test.pixels(self.files(file)[0]), generate_test.pixels(self.files(file + "-alone")[0]))

    # ---- what is asked

    def test_a_seed_that_comes_by_a_link(self):
        def change(g):
            g["42"] = {"class_type": "PrimitiveInt", "inputs": {"value": 777}}
            g["3"]["inputs"]["seed"] = ["42", 0]
        with Server(self.home) as server:
            for more in ((), ("--set", "3.seed=@seed")):
                out = "link%d" % len(more)
                self.run_it(server, out, *more, graph=self.graph("link.json", change), n=3)
                self.assertEqual(len({generate_test.pixels(p) for p in self.files(out)}), 3)

    def cloud(self, g):
        """Returns a graph without a seed, in which a node of a web API generates the image."""
        g.clear()
        g.update({"6": {"class_type": "TestCloud", "inputs": {"prompt": "old words"}},
                  "9": {"class_type": "SaveImage", "inputs": {"images": ["6", 0], "filename_prefix": "cloud"}}})

    def test_a_graph_without_a_seed(self):
        """An image without a known seed has no seed in the catalog. Such an image is listed, but cannot be
        regenerated."""
        with Server(self.home) as server:
            graph = self.graph("cloud.json", self.cloud)
            for n in (1, 2):
                said = self.run_it(server, "cloud", "--set", "6.prompt=@prompt", graph=graph, n=n, code=2)
                self.assertIn("does not show where the seed goes: name the input with --set NODE.INPUT=@seed, or give --no-seed", said["error"]["message"])
            self.assertFalse((self.home / "cloud").exists())
            said = self.run_it(server, "cloud", "--set", "6.prompt=@prompt", "--no-seed", graph=graph, n=3)
            # goldpan cannot compare the prompt in these images with the requested prompt, because it cannot find the
            # prompt in their graph
            self.assertEqual((said["got"], self.codes(said)), (3, ["generator-bare"]))
            self.assertEqual(self.rows("cloud", "SELECT count(*), count(seed), sum(instr(settings, 'seed')) FROM v_generations"), [(3, 0, 0)])
            self.assertEqual(self.rows("cloud", "SELECT count(*), sum(instr(settings, 'seed')) FROM v_images"), [(3, 0)])
            self.assertEqual(len({generate_test.pixels(p) for p in self.files("cloud")}), 3)
            self.assertEqual(self.run_it(server, "cloud", "--set", "6.prompt=@prompt", "--no-seed", graph=graph, n=4)["had"], 3)
            shown = subprocess.run([generate_test.GOLDPAN, "show", self.files("cloud")[0]], check=True, capture_output=True, text=True).stdout
            self.assertIn("a red cat on a beach", shown)
            self.assertNotIn("seed", shown.lower())

    def test_no_seed_for_a_graph_that_has_one(self):
        """A graph with a fixed seed allows one image per prompt; several images would be equal."""
        graph = self.graph("own.json", lambda g: g["3"]["inputs"].update(seed=4711))
        with Server(self.home) as server:
            self.assertIn("own seed 4711", self.run_it(server, "own", "--no-seed", graph=graph, n=2, code=2)["error"]["message"])
            self.assertIn("cannot be combined with --no-seed", self.run_it(server, "own", "--no-seed", "--set", "3.seed=@seed", graph=graph, code=2)["error"]["message"])
            self.assertIn("cannot be combined", self.run_it(server, "own", "--no-seed", "--seed", "5", graph=graph, code=2)["error"]["message"])
            self.assertIn("keeps its own seed 7", self.run_it(server, "own", "--set", "3.seed=7", graph=graph, code=2)["error"]["message"])
            self.run_it(server, "own", "--no-seed", graph=graph)
        self.assertEqual(self.rows("own", "SELECT seed FROM v_generations"), [(None,)])
        self.assertEqual(self.rows("own", "SELECT json_extract(settings, '$.seed') FROM v_images"), [(4711,)])  # the file states it

    def no_negative(self, g):
        del g["7"]
        g["3"]["inputs"]["negative"] = ["70", 0]
        g["70"] = {"class_type": "ConditioningZeroOut", "inputs": {"conditioning": ["6", 0]}}

    def test_values_without_a_place(self):
        with Server(self.home) as server:
            said = self.run_it(server, "place", "--negative", "blurry", "--refiner", "second", "--steps", "9", graph=self.graph("zero.json", self.no_negative))
            self.assertEqual(self.codes(said), ["graph-no-place"] * 2)
            self.assertIn("--negative: the workflow has no input for this option", said["notes"][0]["message"])
            self.assertEqual(server.posts()[0]["prompt"]["3"]["inputs"]["steps"], 9)

    def test_a_value_without_a_place_is_not_recorded(self):
        with Server(self.home, "--disable-metadata") as server:
            self.run_it(server, "cloud", "--set", "6.prompt=@prompt", "--no-seed", "--steps", "9", "-W", "128", graph=self.graph("cloud.json", self.cloud))
        self.assertEqual(self.rows("cloud", "SELECT settings FROM v_images"), [("{}",)])

    def test_settings_that_a_protocol_has_not(self):
        with Server(self.home) as server:
            (self.home / "p.txt").write_text("a red cat on a beach\n")
            run = subprocess.run([generate_test.GOLDPAN, "generate", self.home / "p.txt", "-n", "1", "-b", server.url, "--protocol", "openai", "-o",
                                  self.home / "openai", "--steps", "9", "--negative", "x", "--json"], capture_output=True, text=True)
            self.assertEqual([n["message"].split()[0] for n in json.loads(run.stdout)["notes"]], ["--negative", "--steps"])

    def test_an_image_of_the_cache_is_no_new_one(self):
        with Server(self.home) as server:
            graph = self.graph("zero.json", self.no_negative)
            self.assertEqual(self.codes(self.run_it(server, "same", graph=graph)), [])
            said = self.run_it(server, "same", "--negative", "blurry", graph=graph)
            self.assertEqual(self.codes(said), ["graph-no-place", "generator-same-image"])
            self.assertEqual(self.rows("same", "SELECT count(*) FROM v_images"), [(1,)])

    def test_the_negative_prompt_of_the_graph_is_recorded(self):
        graph = self.graph("negative.json", lambda g: g["7"]["inputs"].update(text="ugly, blurry"))
        with Server(self.home) as server:
            self.run_it(server, "negative", graph=graph)
        self.assertEqual(self.rows("negative", "SELECT negative FROM image_prompts"), [("ugly, blurry",)])

    def test_the_graph_of_a_picture(self):
        with Server(self.home) as server:
            self.run_it(server, "first", "--steps", "7")
            picture = self.files("first")[0]
            self.run_it(server, "second", prompts=("two blue cars in the snow",), graph=picture)
            graph = graph_of(self.files("second")[0])
            self.assertEqual((graph["6"]["inputs"]["text"], graph["3"]["inputs"]["steps"]), ("two blue cars in the snow", 7))
            bare = self.home / "bare.png"
            subprocess.run([sys.executable, TOOL, "draw", "--prompt", "x", "--width", "64", "--height", "64", "--out", bare], check=True, capture_output=True)
            self.assertIn("contains no ComfyUI graph", self.run_it(server, "third", graph=bare, code=2)["error"]["message"])

    def test_the_winners_again_by_their_own_graphs(self):
        """If the command line has no address and no graph, goldpan reads the address from the catalog, and the graph
        from the image file."""
        with Server(self.home) as server:
            graph = self.graph("two.json", lambda g: g["3"]["inputs"].update(steps=11))
            self.run_it(server, "first", "--score", "--model", generate_test.MODEL, graph=graph, n=2)
            subprocess.run([generate_test.GOLDPAN, "pick", "--catalog", self.home / "first", "--model", generate_test.MODEL], check=True, capture_output=True)
            again = [generate_test.GOLDPAN, "regenerate", self.home / "first", "-o", self.home / "again", "--json", "-W", "128", "-H", "128"]
            said = json.loads(subprocess.run(again, check=True, capture_output=True, text=True).stdout)
            self.assertEqual(said["got"], 1)
            drawn = graph_of(self.files("again")[0])
            self.assertEqual((drawn["3"]["inputs"]["steps"], drawn["5"]["inputs"]["width"], drawn["6"]["inputs"]["text"]), (11, 128, "a red cat on a beach"))
            said = json.loads(subprocess.run(again, check=True, capture_output=True, text=True).stdout)
            self.assertEqual((said["got"], said["had"]), (0, 1))
        self.assertEqual(self.rows("first", "SELECT DISTINCT json_extract(settings, '$.backend') FROM generations"), [(server.url,)])
        self.assertEqual(self.rows("first", "SELECT count(*) FROM v_images WHERE settings LIKE '%backend%'"), [(0,)])

    # ---- errors

    def failing(self, g):
        g["20"] = {"class_type": "TestFail", "inputs": {"image": ["8", 0]}}
        g["9"]["inputs"]["images"] = ["20", 0]

    def test_an_error_in_the_servers_words(self):
        with Server(self.home) as server:
            said = self.run_it(server, "fail", graph=self.graph("fail.json", self.failing), code=3)
            self.assertEqual(said["why"], "node 20 TestFail: told to fail (RuntimeError)")
            self.assertEqual(len(server.posts()), 2, "the same words twice are final")

    def test_the_first_images_all_fail_alike(self):
        with Server(self.home) as server:
            begin = time.monotonic()
            said = self.run_it(server, "early", graph=self.graph("fail.json", self.failing), prompts=["prompt %d" % i for i in range(40)], code=3)
            self.assertLess(time.monotonic() - begin, 30)
            self.assertLess(said["failed"], 16)
            self.assertEqual(said["failed"] + said["untried"], 40)
            self.assertIn("told to fail", said["why"])
            self.assertEqual(self.rows("early", "SELECT count(*) FROM v_generations WHERE state = 'planned'"), [(said["untried"],)])

    def test_a_model_that_is_not_there(self):
        with Server(self.home) as server:
            said = self.run_it(server, "model", "--checkpoint", "absent.safetensors", code=3)
            self.assertIn("node 4 CheckpointLoaderSimple", said["why"])
            self.assertIn("absent.safetensors", said["why"])
            self.assertEqual(len(server.posts()), 1)

    def test_the_words_of_other_answers(self):
        """goldpan passes on the message of an error response, from JSON of several servers or from plain text, but
        not from HTML."""

        class Wrong(Stub):
            code, body, asked = 500, b"", 0

            def do_GET(self):
                self.answer(200, b"{}")

            def do_POST(self):
                Wrong.asked += 1
                self.answer(Wrong.code, Wrong.body)

        (self.home / "p.txt").write_text("a red cat on a beach\n")
        with serving(Wrong) as url:
            for code, body, words, tries in (
                    (500, json.dumps({"error": "RuntimeError", "detail": "", "body": "", "errors": "Unknown checkpoint: x"}), "Unknown checkpoint: x", 2),
                    (500, json.dumps({"error": "OutOfMemoryError", "errors": "CUDA out of memory."}), "CUDA out of memory.", 2),
                    (422, json.dumps({"detail": [{"loc": ["body", "steps"], "msg": "value is not a valid integer", "type": "x"}]}), "not a valid integer", 1),
                    (404, json.dumps({"detail": "Sampler not found"}), "Sampler not found", 1), (400, "no such sampler\nsecond line", "no such sampler", 1),
                    (400, "<html>no</html>", "answered with status 400", 1)):
                Wrong.code, Wrong.body, Wrong.asked = code, body.encode(), 0
                run = subprocess.run([generate_test.GOLDPAN, "generate", self.home / "p.txt", "-n", "1", "--protocol", "a1111", "--json", "-o",
                                      self.home / ("words-%d" % len(body)), "-b", url], capture_output=True, text=True)
                said = json.loads(run.stdout)
                self.assertEqual((run.returncode, said["failed"], Wrong.asked), (3, 1, tries), said)
                self.assertIn(words, said["why"])
                self.assertNotIn("<html>", said["why"])

    def test_lack_of_memory_twice(self):
        with Server(self.home, "--fault", "failed:1") as server:
            said = self.run_it(server, "memory", code=3)
            self.assertIn("torch.OutOfMemoryError", said["why"])
            self.assertEqual(len(server.posts()), 2)

    # ---- stopping

    def wait_until(self, holds):
        end = time.monotonic() + 60
        while not holds():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.02)

    def queue(self, server):
        with urllib.request.urlopen(server.url + "/queue") as answer:
            queue = json.load(answer)
        return [job[1] for job in queue["queue_running"]], [job[1] for job in queue["queue_pending"] if job[1] != "somebody-else"]

    def test_somebody_interrupts_a_job(self):
        with Server(self.home, "--latency", "1.5") as server:
            child = subprocess.Popen(self.command(server, "stopped", n=3), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            self.wait_until(lambda: self.queue(server)[0])
            urllib.request.urlopen(urllib.request.Request(server.url + "/interrupt", b"{}", {"Content-Type": "application/json"})).close()
            said = json.loads(child.communicate()[0])
            self.assertEqual((child.returncode, said["got"], said["interrupted"], said["failed"]), (3, 2, 1, 0))
            self.assertIn("interrupted", said["why"])
            states = "SELECT state, count(*), group_concat(message) FROM v_generations GROUP BY state ORDER BY 1"
            self.assertEqual(self.rows("stopped", states), [("got", 2, None), ("interrupted", 1, "the job was interrupted in ComfyUI")])
            status = [generate_test.GOLDPAN, "status", self.home / "stopped"]
            self.assertIn("  interrupted        1\n", subprocess.run(status, check=True, capture_output=True, text=True).stdout)
            told = json.loads(subprocess.run([*status, "--json"], check=True, capture_output=True, text=True).stdout)
            self.assertEqual(told["generations"], {"planned": 0, "got": 2, "failed": 0, "refused": 0, "interrupted": 1})
            # the journal of marks also stores that the image was interrupted: a catalog that is rebuilt from the
            # journal shows it
            shutil.rmtree(self.home / "other", ignore_errors=True)
            (self.home / "other").mkdir()
            shutil.copy(self.home / "stopped/.goldpan/catalog.marks.jsonl", self.home / "other/c.marks.jsonl")
            subprocess.run([generate_test.GOLDPAN, "rescue", "--catalog", self.home / "other/c.db"], check=True, capture_output=True)
            told = json.loads(subprocess.run([generate_test.GOLDPAN, "status", "--catalog", self.home / "other/c.db", "--json"], check=True, capture_output=True, text=True).stdout)
            self.assertEqual(told["generations"]["interrupted"], 1)
            self.assertEqual(self.run_it(server, "stopped", n=3)["got"], 1)
            self.assertEqual(self.rows("stopped", states), [("got", 3, None)])

    def test_ctrl_c_leaves_one_job_and_names_it(self):
        with Server(self.home, "--latency", "1.5") as server:
            child = subprocess.Popen(self.command(server, "left", n=4), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            self.wait_until(lambda: all(self.queue(server)))
            running, _ = self.queue(server)
            child.send_signal(signal.SIGINT)
            told = child.communicate()[1]
            self.assertEqual(child.returncode, 130)
            self.assertIn("still working on job " + running[0], told)
            self.assertEqual(self.queue(server)[1], [])
            said = self.run_it(server, "left", n=4)
            self.assertEqual((said["got"] + said["had"], len(self.files("left")), server.drawn()), (4, 4, 4))

    def test_ctrl_c_tells_the_last_reason(self):
        with Server(self.home, "--fault", "503:1", "--retry-after", "1") as server:
            child = subprocess.Popen(self.command(server, "reason"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            self.wait_until(lambda: len(server.posts()) > 1)
            child.send_signal(signal.SIGINT)
            told = child.communicate()[1]
            self.assertEqual(child.returncode, 130)
            self.assertIn("last error: '/prompt' answered with status 503", told)

    def test_kills_leave_neither_a_double_nor_a_gap(self):
        with Server(self.home, "--latency", "0.15") as server:
            prompts = ["a red cat on a beach, number %d" % i for i in range(12)]
            for _ in range(8):
                child = subprocess.Popen(self.command(server, "killed", prompts=prompts), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                time.sleep(0.4)
                child.kill()
                child.wait()
            said = self.run_it(server, "killed", prompts=prompts)
            self.assertEqual((said["planned"], said["got"] + said["had"]), (12, 12))
            self.assertEqual((len(self.files("killed")), server.drawn()), (12, 12))
            self.assertEqual(sorted(graph_of(p)["6"]["inputs"]["text"] for p in self.files("killed")), sorted(prompts))

    def test_the_server_is_kept_busy(self):
        with Server(self.home, "--latency", "0.3") as server:
            begin = time.monotonic()
            self.run_it(server, "busy", prompts=["thing %d" % i for i in range(12)])
            self.assertLess(time.monotonic() - begin, 12 * 0.3 * 2.5)


if __name__ == "__main__":
    generate_test.GOLDPAN = os.path.abspath(sys.argv.pop(1))
    unittest.main()
