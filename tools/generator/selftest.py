# SPDX-License-Identifier: MIT
"""The self-test: a server for each set of options, used over HTTP like a client would.  Every check prints what it
found.  All protocols must give the same image, so their pixels are compared with those of pictures.picture()."""
import base64
import http.client
import io
import json
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import replace

from PIL import Image

from . import pictures
from .server import NOT_AN_IMAGE

TOOL = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "generator.py")
PROMPT, SEED, WIDTH, HEIGHT = "three red dogs in the snow at night", 11, 96, 64
ASK = {"prompt": PROMPT, "seed": SEED, "width": WIDTH, "height": HEIGHT}
failures = []


def check(what, good, seen=""):
    print("%s %s%s" % ("ok  " if good else "FAIL", what, "" if good else ": %s" % (seen,)), flush=True)
    if not good:
        failures.append(what)


class Running:
    """Starts a server in its own process, as the tests do."""

    def __init__(self, *options):
        self.folder = tempfile.TemporaryDirectory(prefix="goldpan-test-")
        self.log_path = os.path.join(self.folder.name, "log.jsonl")
        self.process = subprocess.Popen([sys.executable, TOOL, "serve", "--log", self.log_path, *options], stdout=subprocess.PIPE,
                                        text=True)
        self.url = self.process.stdout.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()
        self.folder.cleanup()

    def ask(self, path, body=None, headers=None, timeout=1800):
        """Returns (status, headers, bytes); a body is sent as JSON."""
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json", **(headers or {})})
        try:
            with urllib.request.urlopen(asked, timeout=timeout) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read()

    def json(self, path, body=None, headers=None):
        status, _, data = self.ask(path, body, headers)
        return status, json.loads(data) if data else None

    def log(self):
        with open(self.log_path, encoding="utf-8") as file:
            return [json.loads(line) for line in file]


def image(text):
    return Image.open(io.BytesIO(base64.b64decode(text.split(",", 1)[-1], validate=True)))


def same(im, prompt=PROMPT, seed=SEED, size=(WIDTH, HEIGHT)):
    return im.mode == "RGB" and im.size == size and im.tobytes() == pictures.picture(prompt, seed, *size).tobytes()


def graph(prompt=PROMPT, seed=SEED, **latent):
    return {"4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "drawn-world.safetensors"}},
            "6": {"class_type": "CLIPTextEncode", "inputs": {"text": prompt, "clip": ["4", 1]}},
            "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "a blue car", "clip": ["4", 1]}},
            "5": {"class_type": "EmptyLatentImage", "inputs": {"width": WIDTH, "height": HEIGHT, "batch_size": 1, **latent}},
            "3": {"class_type": "KSampler", "inputs": {
                "model": ["4", 0], "seed": seed, "steps": 20, "cfg": 7.0, "sampler_name": "euler", "scheduler": "normal",
                "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0], "denoise": 1.0}},
            "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
            "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0], "filename_prefix": "gold/pan"}}}


def poll(ask, done):
    for _ in range(90000):
        answer = ask()
        if done(answer):
            return answer
        time.sleep(0.02)
    raise TimeoutError("no end of a job: %s" % (answer,))


def test_prompts():
    rng, wrong = random.Random(1), []
    for _ in range(3000):
        scene = pictures.world.sample_scene(rng)
        words = pictures.world.caption(scene, rng)
        if scene.style == "a pencil sketch of ":
            scene = replace(scene, color="", hair="", second_color="")
        if pictures.parse(words) != (scene, True):
            wrong.append((words, pictures.parse(words)))
    check("3000 captions are read back into their scenes", not wrong, wrong[:2])
    for words, want in (("(Two) <lora:x:0.8> GREY (cats:1.2), masterpiece", "two gray cats"), ("a big red shiny car", "a red car"),
                        ("a red circle left of a blue star", "a red circle left of a blue star"),
                        ("oil painting, a yellow tent, meadow in the rain", "an oil painting of a yellow tent in the rain")):
        got = pictures.world.caption(pictures.parse(words)[0], None)
        got = re.sub(r"^a (?:drawing|picture) of |^an illustration of ", "", got)
        check("'%s' is read as '%s'" % (words, want), got == want, got)
    check("an unknown prompt is told from a known one", not pictures.parse("quantum zebra")[1] and pictures.parse("a cat")[1])
    check("an unknown prompt draws what its hash says", pictures.picture("quantum zebra", 1, 64, 64).tobytes()
          == pictures.picture("quantum zebra", 1, 64, 64).tobytes() != pictures.picture("quantum zebu", 1, 64, 64).tobytes())
    shares, faithful = [], 0
    for _ in range(400):
        words = pictures.world.caption(pictures.world.sample_scene(rng), rng)
        shares.append(pictures.share(words))
        faithful += sum(pictures.plan(words, seed).flaw == "" for seed in range(25))
    check("shares go from 10 to 80 %%: %.2f to %.2f" % (min(shares), max(shares)), 0.1 <= min(shares) < 0.12 and 0.7 < max(shares) <= 0.8)
    check("%.1f %% of 10000 pictures are faithful" % (faithful / 100), 0.25 < faithful / 10000 < 0.40)
    sizes = [pictures.picture(PROMPT, 4, s, s).resize((64, 64), Image.BOX).tobytes() for s in (128, 512)]
    apart = sum(abs(a - b) for a, b in zip(*sizes)) / len(sizes[0])
    check("a larger size shows the same picture: %.1f of 255 apart" % apart, apart < 12)


def test_draw(folder):
    files = []
    for name in ("1.png", "2.png"):
        run = subprocess.run([sys.executable, TOOL, "draw", "--prompt", PROMPT, "--seed", str(SEED), "--width", str(WIDTH), "--height",
                              str(HEIGHT), "--negative", "blurry", "--out", os.path.join(folder, name)], capture_output=True, text=True)
        with open(os.path.join(folder, name), "rb") as file:
            files.append(file.read())
    told = json.loads(run.stdout)
    check("draw tells prompt, seed and flaw", (told["prompt"], told["seed"]) == (PROMPT, SEED)
          and told["flaw"] == pictures.plan(PROMPT, SEED).flaw, told)
    im = Image.open(io.BytesIO(files[0]))
    check("draw makes the same bytes twice, and the picture", files[0] == files[1] and same(im))
    check("draw writes prompt and seed into the file", im.text["parameters"].startswith(PROMPT + "\nNegative prompt: blurry\nSteps: 20, ")
          and ", Seed: %d, Size: %dx%d," % (SEED, WIDTH, HEIGHT) in im.text["parameters"], im.text)
    run = subprocess.run([sys.executable, TOOL, "draw", "--prompt", PROMPT, "--seed", "-1", "--width", "64", "--height", "64", "--out",
                          os.path.join(folder, "3.png")], capture_output=True, text=True)
    seed = json.loads(run.stdout)["seed"]
    check("draw draws a seed by lot and tells it", seed >= 0 and same(Image.open(os.path.join(folder, "3.png")), PROMPT, seed, (64, 64)))


def test_automatic1111():
    path = "/sdapi/v1/txt2img"
    with Running() as s:
        status, answer = s.json(path, {**ASK, "negative_prompt": "blurry, dark", "steps": 20, "cfg_scale": 7, "sampler_name": "Euler a",
                                       "scheduler": "Karras", "batch_size": 2, "n_iter": 2, "force_task_id": "t1",
                                       "override_settings": {"sd_model_checkpoint": "drawn-world"}})
        info = json.loads(answer["info"])
        ims = [image(x) for x in answer["images"]]
        check("txt2img: four pictures, seeds one after the other", status == 200 and info["all_seeds"] == [SEED + i for i in range(4)]
              and all(same(im, PROMPT, SEED + i) for i, im in enumerate(ims)), info["all_seeds"])
        check("txt2img: the pictures carry their infotext", [im.text["parameters"] for im in ims] == info["infotexts"]
              and info["index_of_first_image"] == 0 and info["infotexts"][1].endswith(
                  "\nNegative prompt: blurry, dark\nSteps: 20, Sampler: Euler a, Schedule type: Karras, CFG scale: 7, Seed: %d, Size: 96x64, "
                  "Model hash: d7a3ec0f1e, Model: drawn-world, Version: v1.10.1" % (SEED + 1)), info["infotexts"])
        check("txt2img: info and parameters", info["sd_model_name"] == "drawn-world" and info["sampler_name"] == "Euler a"
              and len(info["all_prompts"]) == 4 and answer["parameters"]["force_task_id"] == "t1", info)
        _, answer = s.json(path, {**ASK, "enable_hr": True, "hr_scale": 1.5, "refiner_checkpoint": "drawn-world-refiner"})
        info = json.loads(answer["info"])
        check("txt2img: high resolution and refiner", same(image(answer["images"][0]), size=(144, 96))
              and "Hires upscale: 1.5" in info["infotexts"][0] and "Refiner: drawn-world-refiner.safetensors [0b5e7c9a21]"
              in info["infotexts"][0] and info["width"] == WIDTH, info["infotexts"])
        _, answer = s.json(path, {**ASK, "seed": -1})
        seed = json.loads(answer["info"])["seed"]
        check("txt2img: a seed drawn by lot is told", seed >= 0 and same(image(answer["images"][0]), PROMPT, seed), seed)
        for more in ({"sede": 1}, {"steps": "20"}, {"width": 4}, {"override_settings": {"sd_checkpoint": "x"}}, {"tiling": 1}):
            status, answer = s.json(path, {**ASK, **more})
            check("txt2img: %s is refused by name" % json.dumps(more), status == 422 and list(more)[0] in json.dumps(answer), answer)
        check("txt2img: an unknown sampler is refused", s.json(path, {**ASK, "sampler_name": "Euler A"})[0] == 400)
        check("txt2img: a body that is no JSON's type is refused", s.ask(path, ASK, {"Content-Type": "text/plain"})[0] == 415)
        check("sd-models", s.json("/sdapi/v1/sd-models")[1][0]["title"] == "drawn-world.safetensors [d7a3ec0f1e]")
        check("samplers, schedulers, options", "Euler a" in [x["name"] for x in s.json("/sdapi/v1/samplers")[1]]
              and s.json("/sdapi/v1/schedulers")[0] == 200 and s.json("/sdapi/v1/options")[1]["samples_format"] == "png")
        check("progress, interrupt", s.json("/sdapi/v1/progress?skip_current_image=true")[1]["progress"] == 0.0
              and s.json("/sdapi/v1/interrupt", {})[0] == 200)
        check("unknown paths and methods", (s.ask("/sdapi/v1/nothing")[0], s.ask(path)[0]) == (404, 405))
        log = s.log()
        check("the log counts what was drawn", sum(x["drawn"] for x in log) == 6 and log[0]["drawn"] == 4
              and log[0]["body"]["force_task_id"] == "t1" and log[0]["headers"]["content-type"] == "application/json"
              and [x["n"] for x in log] == list(range(1, len(log) + 1)), [x["drawn"] for x in log])
        check("the log tells the flaws", [p["flaw"] for p in log[0]["pictures"]]
              == [pictures.plan(PROMPT, SEED + i).flaw for i in range(4)], log[0]["pictures"])
    with Running("--grid", "--data-prefix", "--auth", "gold:pan") as s:
        status, headers, _ = s.ask(path, ASK)
        check("txt2img: nobody without the password", status == 401 and headers["WWW-Authenticate"] == "Basic", status)
        auth = {"Authorization": "Basic " + base64.b64encode(b"gold:pan").decode()}
        _, answer = s.json(path, {**ASK, "batch_size": 2}, auth)
        info = json.loads(answer["info"])
        check("txt2img: a grid first, data: before", len(answer["images"]) == 3 and info["index_of_first_image"] == 1
              and answer["images"][0].startswith("data:image/png;base64,") and image(answer["images"][0]).size == (192, 64)
              and same(image(answer["images"][1])) and len(info["infotexts"]) == 3 and len(info["all_seeds"]) == 2)
        check("the log has no password", "authorization" not in s.log()[-1]["headers"])


def test_openai():
    path = "/v1/images/generations"
    with Running("--key", "k1") as s:
        key = {"Authorization": "Bearer k1"}
        status, answer = s.json(path, {"prompt": PROMPT})
        check("openai: nobody without the key", status == 401 and answer["error"]["code"] == "invalid_api_key", answer)
        body = {"model": "drawn-world", "prompt": PROMPT, "n": 2, "size": "96x64", "output_format": "png"}
        _, first = s.json(path, body, key)
        _, second = s.json(path, body, key)
        seeds = [pictures.next_seed(PROMPT, k) for k in range(4)]
        ims = [image(x["b64_json"]) for x in first["data"] + second["data"]]
        check("openai: each picture of a prompt is another", all(same(im, PROMPT, seed) for im, seed in zip(ims, seeds))
              and len(set(seeds)) == 4 and abs(first["created"] - time.time()) < 60)
        check("openai: the log knows their seeds", [p["seed"] for x in s.log() for p in x["pictures"]] == seeds)
        _, answer = s.json(path, {"prompt": '%s <sd_cpp_extra_args>{"seed": %d}</sd_cpp_extra_args>' % (PROMPT, SEED), "size": "96x64"}, key)
        check("openai: stable-diffusion.cpp's way to give a seed", same(image(answer["data"][0]["b64_json"])))
        status, answer = s.json(path, {"prompt": "a Forbidden cat"}, key)
        check("openai: a refused prompt", status == 400 and answer["error"]["code"] == "moderation_blocked"
              and answer["error"]["type"] == "image_generation_user_error", answer)
        for more in ({"promt": "x"}, {"n": 11}, {"size": "huge"}, {"quality": "best"}, {"seed": 1}):
            status, answer = s.json(path, {"prompt": PROMPT, **more}, key)
            check("openai: %s is refused by name" % json.dumps(more), status == 400 and answer["error"]["param"] == list(more)[0], answer)
        for name, value in (("response_format", "b64_json"), ("style", "vivid")):
            status, answer = s.json(path, {"prompt": PROMPT, "model": "gpt-image-1", name: value}, key)
            check("openai: gpt-image-1 knows no %s" % name, status == 400 and answer["error"]["code"] == "unknown_parameter", answer)
        _, answer = s.json(path, {"prompt": PROMPT, "size": "96x64", "model": "dall-e-3"}, key)
        check("openai: dall-e-3 writes the prompt anew and gives an address", answer["data"][0]["revised_prompt"] == "A detailed view: %s." % PROMPT
              and "url" in answer["data"][0] and s.json(path, {"prompt": PROMPT, "n": 2, "model": "dall-e-3"}, key)[0] == 400, answer)
        _, answer = s.json(path, {"prompt": PROMPT, "size": "96x64", "output_format": "jpeg", "response_format": "url"}, key)
        _, headers, data = s.ask(answer["data"][0]["url"][len(s.url):])
        check("openai: an address in place of the picture, JPEG", Image.open(io.BytesIO(data)).format == "JPEG"
              and headers["Content-Type"] == "image/jpeg")


def comfy_job(s, body):
    """Returns the history's entry of a job after the job has ended."""
    name = s.json("/prompt", {"prompt": body})[1]["prompt_id"]
    return poll(lambda: s.json("/history/" + name)[1], bool)[name]


def comfy_file(s, entry, node="9"):
    out = entry["outputs"][node]["images"][0]
    status, _, data = s.ask("/view?filename=%(filename)s&subfolder=%(subfolder)s&type=%(type)s" % out)
    return out["filename"], Image.open(io.BytesIO(data)) if status == 200 else status


def test_comfy_files():
    """File names are used again after files were deleted; history and cache still return the old names."""
    with tempfile.TemporaryDirectory(prefix="goldpan-test-") as folder, Running("--output", folder) as s:
        red = comfy_job(s, graph("a red dog"))
        path = os.path.join(folder, "gold", "pan_00001_.png")
        os.unlink(path)
        check("comfy: a file that was deleted is gone", comfy_file(s, red)[1] == 404)
        cached = comfy_job(s, graph("a red dog"))
        check("comfy: what is cached is named although its file is gone", comfy_file(s, cached) == ("pan_00001_.png", 404))
        blue = comfy_job(s, graph("a blue cat"))
        check("comfy: the lowest free number comes again", comfy_file(s, blue)[0] == "pan_00001_.png"
              and same(comfy_file(s, red)[1], "a blue cat"))
        again = comfy_job(s, graph("a red dog"))
        check("comfy: only the job before is cached", comfy_file(s, again)[0] == "pan_00002_.png" and same(comfy_file(s, again)[1], "a red dog")
              and sum(x["drawn"] for x in s.log()) == 3)
    with Running("--disable-metadata") as s:
        check("comfy: --disable-metadata leaves no word in the file", comfy_file(s, comfy_job(s, graph()))[1].text == {})


def test_comfy_graphs():
    with Running() as s:
        node = lambda kind, **inputs: {"class_type": kind, "inputs": inputs}
        flux = graph()
        del flux["3"]
        flux.update({"10": node("RandomNoise", noise_seed=SEED), "11": node("KSamplerSelect", sampler_name="euler"),
                     "12": node("BasicScheduler", model=["4", 0], scheduler="simple", steps=4, denoise=1.0),
                     "13": node("BasicGuider", model=["4", 0], conditioning=["6", 0]), "14": node(
                         "SamplerCustomAdvanced", noise=["10", 0], guider=["13", 0], sampler=["11", 0], sigmas=["12", 0], latent_image=["5", 0]),
                     "15": node("StringConcatenate", string_a="three red dogs", string_b="in the snow at night", delimiter=" ")})
        flux["6"]["inputs"]["text"] = ["15", 0]
        flux["8"]["inputs"]["samples"] = ["14", 0]
        check("comfy: a graph of Flux with a text of two", same(comfy_file(s, comfy_job(s, flux))[1]))
        sdxl = graph()
        sdxl["6"] = node("CLIPTextEncodeSDXL", clip=["4", 1], text_g=PROMPT, text_l=PROMPT, width=96, height=64, crop_w=0, crop_h=0,
                         target_width=96, target_height=64)
        check("comfy: SDXL's encoder", same(comfy_file(s, comfy_job(s, sdxl))[1]))
        fresh = graph()
        fresh["20"] = node("TestFresh", image=["8", 0])
        fresh["9"]["inputs"]["images"] = ["20", 0]
        before = sum(x["drawn"] for x in s.log())
        comfy_job(s, fresh)
        name = s.json("/prompt", {"prompt": fresh})[1]["prompt_id"]
        poll(lambda: s.ask("/history/" + name)[2], lambda text: len(text) > 2)
        check("comfy: a node that is never cached, with a bare NaN in the history", b"[NaN]" in s.ask("/history/" + name)[2]
              and sum(x["drawn"] for x in s.log()) == before + 2)
        fail = graph()
        fail["20"] = node("TestFail", image=["8", 0])
        fail["9"]["inputs"]["images"] = ["20", 0]
        kind, told = comfy_job(s, fail)["status"]["messages"][-1]
        check("comfy: an error names its node and its words", kind == "execution_error" and (told["node_id"], told["node_type"],
              told["exception_message"]) == ("20", "TestFail", "told to fail"), told)


def test_comfy():
    with Running() as s:
        body = {"prompt": graph(), "client_id": "c1", "prompt_id": "11111111-2222-3333-4444-555555555555",
                "extra_data": {"extra_pnginfo": {"workflow": {"nodes": []}}}}
        status, answer = s.json("/prompt", body)
        check("comfy: the prompt is taken under the client's id", status == 200 and answer["prompt_id"] == body["prompt_id"]
              and answer["node_errors"] == {}, answer)
        history = "/history/" + body["prompt_id"]
        entry = poll(lambda: s.json(history)[1], bool)[body["prompt_id"]]
        check("comfy: history", entry["status"]["status_str"] == "success" and entry["status"]["completed"] is True
              and entry["prompt"][2] == graph(), entry["status"])
        out = entry["outputs"]["9"]["images"][0]
        check("comfy: the file's name", out == {"filename": "pan_00001_.png", "subfolder": "gold", "type": "output"}, out)
        view = "/view?filename=%(filename)s&subfolder=%(subfolder)s&type=%(type)s" % out
        im = Image.open(io.BytesIO(s.ask(view)[2]))
        check("comfy: the picture and its graph", same(im) and json.loads(im.text["prompt"]) == graph() and "workflow" in im.text)
        first = entry["prompt"][0]
        s.json("/api/prompt", body)
        entry = poll(lambda: s.json(history)[1][body["prompt_id"]], lambda e: e["prompt"][0] != first)
        check("comfy: the same id again is a job again, which draws nothing and names the old file", entry["outputs"]["9"]["images"] == [out]
              and set(entry["status"]["messages"][1][1]["nodes"]) == set(graph()) and sum(x["drawn"] for x in s.log()) == 1, entry)
        changed = graph()
        changed["10"] = {"class_type": "PrimitiveString", "inputs": {"value": PROMPT}}
        changed["6"]["inputs"]["text"] = ["10", 0]
        changed["5"]["inputs"]["batch_size"] = 2
        changed["3"]["inputs"]["seed"] = 2 ** 64 - 1
        _, answer = s.json("/prompt", {"prompt": changed})
        entry = poll(lambda: s.json("/history/" + answer["prompt_id"])[1], bool)[answer["prompt_id"]]
        files = [s.ask("/view?filename=%(filename)s&subfolder=%(subfolder)s&type=%(type)s" % x)[2] for x in entry["outputs"]["9"]["images"]]
        check("comfy: linked text, a batch, the largest seed", len(files) == 2 and files[0] != files[1]
              and same(Image.open(io.BytesIO(files[0])), PROMPT, 2 ** 64 - 1))
        check("comfy: an unknown id has no history", s.json("/history/nobody")[1] == {})
        for what, node, change in (("a missing input", "3", {"seed": None}), ("a wrong link", "3", {"positive": ["4", 0]}),
                                   ("an unknown sampler", "3", {"sampler_name": "Euler a"}), ("a wrong type", "5", {"width": "x"})):
            bad = graph()
            bad[node]["inputs"].update(change)
            if None in change.values():
                del bad[node]["inputs"]["seed"]
            status, answer = s.json("/prompt", {"prompt": bad})
            found = answer["node_errors"].get(node, {}).get("errors", [{}])[0].get("extra_info", {}).get("input_name")
            check("comfy: %s is refused with node_errors" % what, status == 400 and found == list(change)[0], answer)
        for bad in ([1], {"1": 3}, {"9": {"class_type": ["x"]}}, {"9": {"class_type": "SaveImage", "inputs": {"images": ["9", 0]}}}):
            check("comfy: %s is refused" % json.dumps(bad), s.json("/prompt", {"prompt": bad})[0] == 400)
        bad = graph()
        del bad["9"]
        check("comfy: no output, unknown node, unknown field", s.json("/prompt", {"prompt": bad})[1]["error"]["type"] == "prompt_no_outputs"
              and s.json("/prompt", {"prompt": {"1": {"class_type": "Nothing", "inputs": {}}}})[1]["error"]["type"] == "missing_node_type"
              and s.json("/prompt", {"prompt": graph(), "clientid": "x"})[0] == 400)
        check("comfy: a browser's Origin is turned away", s.ask("/prompt", body, {"Origin": "http://evil.example"})[0] == 403)
        queue = s.json("/queue")[1]
        check("comfy: queue, stats, nodes", queue["queue_running"] == [] and [j[1] for j in queue["queue_pending"]] == ["somebody-else"]
              and "system" in s.json("/system_stats")[1] and "KSampler" in s.json("/object_info/KSampler")[1])
        check("comfy: the queue holds a bare NaN", b'"is_changed": [NaN]' in s.ask("/queue")[2])
    test_comfy_files()
    test_comfy_graphs()
    with Running("--latency", "3") as s:
        ids = [s.json("/prompt", {"prompt": graph(seed=i)})[1]["prompt_id"] for i in range(3)]
        queue = poll(lambda: s.json("/queue")[1], lambda q: q["queue_running"])
        check("comfy: one runs, two wait, nothing in the history", len(queue["queue_running"]) == 1 and len(queue["queue_pending"]) == 3
              and s.json("/history/" + ids[0])[1] == {}, queue)
        s.ask("/queue", {"delete": [ids[2]]})
        s.ask("/interrupt", {})
        entry = poll(lambda: s.json("/history/" + ids[0])[1], bool)[ids[0]]
        poll(lambda: s.json("/history/" + ids[1])[1], bool)
        check("comfy: interrupted, and deleted from the queue", entry["status"]["status_str"] == "error"
              and entry["status"]["messages"][-1][0] == "execution_interrupted" and s.json("/history/" + ids[2])[1] == {}, entry["status"])


def test_sdcpp():
    path = "/sdcpp/v1/img_gen"
    with Running("--latency", "0.5", "--job-ttl", "6") as s:
        status, answer = s.json(path, {**ASK, "negative_prompt": "", "batch_count": 2, "output_format": "png", "sample_params": {
            "sample_steps": 20, "sample_method": "euler_a", "guidance": {"txt_cfg": 7.0}}})
        check("sdcpp: a job", status == 202 and answer["status"] == "queued" and answer["poll_url"] == "/sdcpp/v1/jobs/" + answer["id"], answer)
        second = s.json(path, ASK)[1]["id"]
        seen = []
        job = poll(lambda: s.json(answer["poll_url"])[1], lambda j: seen.append(j["status"]) or j["status"] == "completed")
        ims = [image(x["b64_json"]) for x in job["result"]["images"]]
        check("sdcpp: completed, by way of generating", "generating" in seen and [x["index"] for x in job["result"]["images"]] == [0, 1])
        check("sdcpp: the pictures", same(ims[0]) and same(ims[1], PROMPT, SEED + 1)
              and ", Seed: %d, Size: 96x64, Model: drawn-world.gguf" % (SEED + 1) in ims[1].text["parameters"], ims[1].text)
        poll(lambda: s.json("/sdcpp/v1/jobs/" + second)[1], lambda j: j["status"] == "completed")
        poll(lambda: s.ask(answer["poll_url"])[0], lambda status: status == 410)
        check("sdcpp: gone when expired or unknown", (s.ask(answer["poll_url"])[0], s.ask("/sdcpp/v1/jobs/job_x")[0]) == (410, 410))
        for more in ({"batch_size": 1}, {"seed": "1"}, {"sample_params": {"steps": 1}}):
            status, answer = s.json(path, {**ASK, **more})
            check("sdcpp: %s is refused by name" % json.dumps(more), status == 422 and list(more)[0] in answer["error"]["field"], answer)
        check("sdcpp: capabilities", s.json("/sdcpp/v1/capabilities")[1]["limits"]["max_queue_size"] == 64)
        check("sdcpp: the log counts three pictures", sum(x["drawn"] for x in s.log()) == 3)
    with Running("--latency", "4", "--most-jobs", "1") as s:
        first = s.json(path, ASK)[1]["poll_url"]
        poll(lambda: s.json(first)[1], lambda j: j["status"] == "generating")
        waiting = s.json(path, ASK)[1]["id"]
        check("sdcpp: a full queue says 429", s.json(path, ASK)[0] == 429)
        check("sdcpp: a waiting job is cancelled", s.json("/sdcpp/v1/jobs/%s/cancel" % waiting, {})[1]["status"] == "cancelled")


def test_swarm():
    path = "/API/GenerateText2Image"
    with Running() as s:
        status, answer = s.json(path, {**ASK, "session_id": "nobody", "images": 1})
        check("swarm: an unknown session", status == 401 and answer["error_id"] == "invalid_session_id", answer)
        session = s.json("/API/GetNewSession", {})[1]["session_id"]
        body = {**ASK, "session_id": session, "images": 2, "negativeprompt": "blurry", "steps": 20, "cfgscale": 7}
        _, answer = s.json(path, body)
        ims = [Image.open(io.BytesIO(s.ask("/" + x)[2])) for x in answer["images"]]
        told = json.loads(ims[1].text["parameters"])["sui_image_params"]
        check("swarm: the pictures and what they carry", len(ims) == 2 and all(x.startswith("View/") for x in answer["images"])
              and same(ims[0]) and same(ims[1], PROMPT, SEED + 1) and told["seed"] == SEED + 1 and told["prompt"] == PROMPT, told)
        _, answer = s.json(path, {**body, "images": 1, "donotsave": True})
        check("swarm: not saved, sent at once", same(image(answer["images"][0])))
        check("swarm: an unknown field", s.json(path, {**body, "negative_prompt": ""})[0] == 422)


def test_faults():
    path = "/sdapi/v1/txt2img"
    for kind, status in (("500", 500), ("503", 503), ("429", 429), ("failed", 500)):
        with Running("--fault", kind + ":2", "--retry-after", "7") as s:
            seen = []
            for i in range(4):
                code, headers, _ = s.ask(path, {**ASK, "seed": i})
                seen.append(code)
                if code in (429, 503):
                    check("fault %s: Retry-After" % kind, headers["Retry-After"] == "7")
            check("fault %s: every second request, two are drawn" % kind, seen == [200, status] * 2
                  and sum(x["drawn"] for x in s.log()) == 2 and [x["fault"] for x in s.log()] == [None, kind] * 2, seen)
    with Running("--fault", "429:1") as s:
        status, answer = s.json("/v1/images/generations", {"prompt": PROMPT})
        check("fault 429: OpenAI's form", status == 429 and answer["error"]["code"] == "rate_limit_exceeded", answer)
        s.json(path, {"sede": 1})
        check("a wrong request takes no number", s.log()[-1]["fault"] is None and s.log()[-1]["answer"] == 422)
    with Running("--fault", "quota:1") as s:
        status, answer = s.json("/v1/images/generations", {"prompt": PROMPT})
        check("fault quota: a 429 that no waiting helps", status == 429 and answer["error"]["code"] == "insufficient_quota", answer)
    with Running("--fault", "timeout:1") as s:
        started = time.time()
        try:
            s.ask(path, ASK, timeout=0.5)
            check("fault timeout", False, "there was an answer")
        except (TimeoutError, socket.timeout, urllib.error.URLError):
            check("fault timeout: no answer, and the log has it", time.time() - started >= 0.4 and s.log()[0]["answer"] == 0
                  and s.log()[0]["drawn"] == 0)
        check("fault timeout: others are still served", s.ask("/sdapi/v1/options")[0] == 200)
    for kind, options, begin in (("trickle", ("--fault", "trickle:1"), b"HTTP/1.1 200 OK\r\nContent-Type"), ("slowhead", ("--fault", "slowhead:1"), b"HTTP/1.1 200 OK\r\nX-Slow:  "),
                                 ("--trickle", ("--trickle", "/sdapi"), b"HTTP/1.1 200 OK\r\nContent-Type")):
        with Running(*options) as s, socket.create_connection(s.url[7:].split(":")) as line:
            body = json.dumps(ASK).encode()
            line.sendall(b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (path.encode(), len(body)) + body)
            got = b""
            while not got.startswith(begin) or not got.endswith(b"  "):
                got += line.recv(1) or b"the end  "
            check("%s: a byte now and then, without end" % kind, got.startswith(begin), got)
    with Running("--no-api") as s:
        check("--no-api: the page of a web interface, and nothing else", b"gradio" in s.ask("/")[2] and s.ask("/sdapi/v1/options")[0] == 404
              and s.ask(path, ASK)[0] == 404 and s.ask("/system_stats")[0] == 404)
    with Running("--empty-info") as s:
        check("--empty-info: no info, and the seed is in the picture", s.json(path, ASK)[1]["info"] == "")
    with Running("--fault", "drop:1") as s:
        try:
            s.ask(path, ASK)
            check("fault drop", False, "the body was whole")
        except http.client.IncompleteRead as cut:
            check("fault drop: %d bytes came, %d did not" % (len(cut.partial), cut.expected), cut.expected > 0)
    with Running("--fault", "garbage:1") as s:
        status, headers, data = s.ask(path, ASK)
        check("fault garbage: 200 and no JSON", status == 200 and data.startswith(b"<html>") and headers["Content-Type"] == "application/json")
    for kind in ("notimage", "truncated"):
        with Running("--fault", kind + ":1") as s:
            session = s.json("/API/GetNewSession", {})[1]["session_id"]
            files = [base64.b64decode(s.json(path, ASK)[1]["images"][0]),
                     base64.b64decode(s.json("/v1/images/generations", {"prompt": PROMPT, "size": "96x64"})[1]["data"][0]["b64_json"])]
            job = s.json("/sdcpp/v1/img_gen", ASK)[1]["poll_url"]
            done = poll(lambda: s.json(job)[1], lambda j: j["status"] == "completed")
            files.append(base64.b64decode(done["result"]["images"][0]["b64_json"]))
            files.append(s.ask("/" + s.json("/API/GenerateText2Image", {**ASK, "session_id": session, "images": 1})[1]["images"][0])[2])
            s.json("/prompt", {"prompt": graph(), "prompt_id": "p"})
            out = poll(lambda: s.json("/history/p")[1], bool)["p"]["outputs"]["9"]["images"][0]
            files.append(s.ask("/view?filename=%(filename)s&subfolder=%(subfolder)s&type=%(type)s" % out)[2])
            if kind == "notimage":
                good = files == [NOT_AN_IMAGE] * 5
            else:
                good = all(f.startswith(b"\x89PNG") and not f.endswith(b"IEND\xaeB`\x82") for f in files)
            check("fault %s: by all five protocols, nothing counts as drawn" % kind, good and sum(x["drawn"] for x in s.log()) == 0,
                  [f[-12:] for f in files])
    with Running("--fault", "truncated:2", "--fault", "failed:3") as s:
        def state(name):
            before = len(s.log())
            s.json("/prompt", {"prompt": graph(), "prompt_id": name})
            poll(s.log, lambda log: any(x["method"] == "WORK" for x in log[before:]))
            return poll(lambda: s.json("/history/" + name)[1], bool)[name]["status"]["status_str"]
        seen = [state("a"), state("b"), state("b"), state("b"), state("b"), state("a")]
        works = [(x["fault"], x["drawn"]) for x in s.log() if x["method"] == "WORK"]
        check("comfy: a spoiled job is not cached", seen == ["success", "success", "error", "success", "success", "success"]
              and works == [(None, 1), ("truncated", 0), ("failed", 0), ("truncated", 0), (None, 1), ("truncated", 0)], (seen, works))
    with Running("--fault", "failed:1") as s:
        job = s.json("/sdcpp/v1/img_gen", ASK)[1]["poll_url"]
        done = poll(lambda: s.json(job)[1], lambda j: j["status"] in ("completed", "failed"))
        check("fault failed: a job of sdcpp", done["status"] == "failed" and done["error"]["code"] == "generation_failed", done)


def main():
    started = time.time()
    with tempfile.TemporaryDirectory(prefix="goldpan-test-") as folder:
        test_prompts()
        test_draw(folder)
    for test in (test_automatic1111, test_openai, test_comfy, test_sdcpp, test_swarm, test_faults):
        test()
    print("%d failed, %.0f s" % (len(failures), time.time() - started))
    return 1 if failures else 0
