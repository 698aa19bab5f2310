# SPDX-License-Identifier: MIT
"""ComfyUI: checks a graph as the real server does, and draws its images from the inputs of its nodes.

The server imitates properties of ComfyUI 0.3.64 that are difficult for clients:
- A file's number is the lowest above those in the output folder, so names are reused after the folder was emptied.
- The history still has the file names of old jobs, even if these files now contain other images.
- A job with the same graph as the previous job draws nothing and returns the names of the old files.
- A client may send a job with an id that was used before: the job runs, and the history keeps only the last job with
  this id.
- `status_str` is `error` for a failed job and for an interrupted one; only `messages` tell them apart.
- The queue always contains a job of another user, with a bare NaN in its graph.
"""
import collections
import json
import os
import queue
import random
import re
import tempfile
import time
import uuid

from . import fields, pictures, websocket
from .fields import Wrong, check
from .protocols import MODELS, Style
from .server import Answer, Request, take_number

SEED = ("INT", 0, 2 ** 64 - 1)
SIDE = ("INT", 16, pictures.MOST_SIDE)
SAMPLERS = ["euler", "euler_ancestral", "heun", "dpmpp_2m", "dpmpp_2m_sde", "ddim", "lcm", "uni_pc"]
SCHEDULERS = ["normal", "karras", "exponential", "sgm_uniform", "simple", "ddim_uniform", "beta"]
CHECKPOINTS = [m["model_name"] + ".safetensors" for m in MODELS]
CUSTOM = ("TestFresh", "TestFail")  # imitate custom nodes: TestFresh is never cached, TestFail raises an error
LATENT = ({"width": SIDE, "height": SIDE, "batch_size": ("INT", 1, 64)}, ["LATENT"])
SAMPLER = {"model": "MODEL", "steps": ("INT", 1, 10000), "cfg": ("FLOAT", 0, 100), "sampler_name": SAMPLERS,
           "scheduler": SCHEDULERS, "positive": "CONDITIONING", "negative": "CONDITIONING", "latent_image": "LATENT"}
# class -> (inputs, outputs).  Each output is a type.  Each input is one of these: a list of the allowed words; (INT or
# FLOAT, lowest value, highest value); "STRING"; any other type, whose value must be a link.
NODES = {
    "CheckpointLoaderSimple": ({"ckpt_name": CHECKPOINTS}, ["MODEL", "CLIP", "VAE"]),
    "LoraLoader": ({"model": "MODEL", "clip": "CLIP", "lora_name": "STRING", "strength_model": ("FLOAT", -100, 100),
                    "strength_clip": ("FLOAT", -100, 100)}, ["MODEL", "CLIP"]),
    "CLIPSetLastLayer": ({"clip": "CLIP", "stop_at_clip_layer": ("INT", -24, -1)}, ["CLIP"]),
    "CLIPTextEncode": ({"text": "STRING", "clip": "CLIP"}, ["CONDITIONING"]),
    "FluxGuidance": ({"conditioning": "CONDITIONING", "guidance": ("FLOAT", 0, 100)}, ["CONDITIONING"]),
    "ConditioningZeroOut": ({"conditioning": "CONDITIONING"}, ["CONDITIONING"]),
    "EmptyLatentImage": LATENT, "EmptySD3LatentImage": LATENT,
    "KSampler": ({"seed": SEED, "denoise": ("FLOAT", 0, 1), **SAMPLER}, ["LATENT"]),
    "KSamplerAdvanced": ({"noise_seed": SEED, "add_noise": ["enable", "disable"], "start_at_step": ("INT", 0, 10000),
                          "end_at_step": ("INT", 0, 10000), "return_with_leftover_noise": ["enable", "disable"], **SAMPLER},
                         ["LATENT"]),
    "VAEDecode": ({"samples": "LATENT", "vae": "VAE"}, ["IMAGE"]),
    "PrimitiveString": ({"value": "STRING"}, ["STRING"]), "PrimitiveStringMultiline": ({"value": "STRING"}, ["STRING"]),
    "PrimitiveInt": ({"value": SEED}, ["INT"]), "PrimitiveFloat": ({"value": ("FLOAT", -1e9, 1e9)}, ["FLOAT"]),
    "StringConcatenate": ({"string_a": "STRING", "string_b": "STRING", "delimiter": "STRING"}, ["STRING"]),
    "StringReplace": ({"string": "STRING", "find": "STRING", "replace": "STRING"}, ["STRING"]),
    "CLIPTextEncodeSDXL": ({"clip": "CLIP", "text_g": "STRING", "text_l": "STRING", **{n: ("INT", 0, 16384) for n in (
        "width", "height", "crop_w", "crop_h", "target_width", "target_height")}}, ["CONDITIONING"]),
    "CLIPTextEncodeFlux": ({"clip": "CLIP", "clip_l": "STRING", "t5xxl": "STRING", "guidance": ("FLOAT", 0, 100)}, ["CONDITIONING"]),
    "RandomNoise": ({"noise_seed": SEED}, ["NOISE"]), "KSamplerSelect": ({"sampler_name": SAMPLERS}, ["SAMPLER"]),
    "BasicScheduler": ({"model": "MODEL", "scheduler": SCHEDULERS, "steps": ("INT", 1, 10000), "denoise": ("FLOAT", 0, 1)}, ["SIGMAS"]),
    "BasicGuider": ({"model": "MODEL", "conditioning": "CONDITIONING"}, ["GUIDER"]),
    "CFGGuider": ({"model": "MODEL", "positive": "CONDITIONING", "negative": "CONDITIONING", "cfg": ("FLOAT", 0, 100)}, ["GUIDER"]),
    "SamplerCustomAdvanced": ({"noise": "NOISE", "guider": "GUIDER", "sampler": "SAMPLER", "sigmas": "SIGMAS",
                               "latent_image": "LATENT"}, ["LATENT", "LATENT"]),
    **{name: ({"image": "IMAGE"}, ["IMAGE"]) for name in CUSTOM},
    # imitates a node of a web API, which has no seed and is never cached
    "TestCloud": ({"prompt": "STRING"}, ["IMAGE"]),
    "SaveImage": ({"images": "IMAGE", "filename_prefix": "STRING"}, []), "PreviewImage": ({"images": "IMAGE"}, []),
}
OUTPUTS = ("SaveImage", "PreviewImage")
SAMPLING = ("KSampler", "KSamplerAdvanced", "SamplerCustomAdvanced")
TEXTS = ("text", "text_g", "t5xxl")  # the inputs of an encoder that determine the drawn image
STRANGER = {"1": {"class_type": "TestFresh", "inputs": {"image": ["2", 0]}, "is_changed": [float("nan")]}}
MOST_HISTORY = 10000


def is_link(value):
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], int)


def input_error(graph, name, kind, value):
    """Returns (type, message, details) if a node's input is invalid, else None."""
    wanted = kind if isinstance(kind, str) else "COMBO" if isinstance(kind, list) else kind[0]
    if isinstance(value, list):
        if not is_link(value) or value[0] not in graph:
            return "bad_linked_input", "Bad linked input, must be a length-2 list of [node_id, slot_index]", name
        outputs = NODES.get(graph[value[0]].get("class_type"), ({}, []))[1]
        got = outputs[value[1]] if 0 <= value[1] < len(outputs) else "nothing"
        if got != wanted:
            return ("return_type_mismatch", "Return type mismatch between linked nodes",
                    "%s, received_type(%s) mismatch input_type(%s)" % (name, got, wanted))
        return None
    if isinstance(kind, list):
        return None if value in kind else ("value_not_in_list", "Value not in list", "%s: '%s' not in %s" % (name, value, kind))
    if wanted == "STRING":
        good = isinstance(value, str)
    elif wanted in ("INT", "FLOAT"):
        good = isinstance(value, int if wanted == "INT" else (int, float)) and not isinstance(value, bool)
    else:
        return "bad_linked_input", "Bad linked input, must be a length-2 list of [node_id, slot_index]", name
    if not good:
        return ("invalid_input_type", "Failed to convert an input value to a %s value" % wanted, "%s, %r" % (name, value))
    if isinstance(kind, tuple) and value < kind[1]:
        return "value_smaller_than_min", "Value %s smaller than min of %s" % (value, kind[1]), name
    if isinstance(kind, tuple) and value > kind[2]:
        return "value_bigger_than_max", "Value %s bigger than max of %s" % (value, kind[2]), name
    return None


def upstream(graph, start):
    """Returns the nodes that a node depends on: itself first, then by distance."""
    seen, todo = [], [start]
    while todo:
        node = todo.pop(0)
        if node in seen or node not in graph:
            continue
        seen.append(node)
        todo += [v[0] for v in graph[node].get("inputs", {}).values() if is_link(v)]
    return seen


class ComfyUi(Style):
    no_origin = queued = True

    def __init__(self, world, jobs):
        super().__init__(world)
        self.line, self.numbers = jobs, 0
        self.pending, self.running = [], None
        self.history_of = collections.OrderedDict()  # id -> the last finished job with this id
        self.sockets = {}  # client id -> the frames that its connection sends
        self.cached = {}  # signature -> images of the output nodes of the previous job
        # the temporary folder is in the folder of the log, which a test removes even if it has killed this server
        self.own = tempfile.TemporaryDirectory(prefix="comfy-", dir=os.path.dirname(world.options.log) or None)
        self.folders = {"output": world.options.output or self.own.name, "temp": os.path.join(self.own.name, "temp")}
        routes = [("POST", "/prompt", self.prompt), ("GET", "/prompt", lambda w, r: Answer(
            200, {"exec_info": {"queue_remaining": len(self.unfinished())}})),
            ("GET", "/history/([^/]+)", self.history), ("GET", "/history", self.histories), ("GET", "/view", self.view),
            ("GET", "/ws", self.socket), ("GET", "/queue", self.queue), ("POST", "/queue", self.change_queue), ("GET", "/system_stats", self.stats),
            ("POST", "/interrupt", self.interrupt), ("POST", "/free", lambda w, r: Answer(200, b"", "text/plain")),
            ("GET", "/object_info(?:/([^/]+))?", self.object_info)]
        self.routes = [(m, "(?:/api)?" + p, h) for m, p, h in routes]

    def error(self, status, message, name):
        return Answer(status, {"error": {"type": "invalid_prompt", "message": message, "details": name, "extra_info": {}},
                               "node_errors": {}})

    # ---- accepting a job ----
    def prompt(self, world, request):
        body = request.body
        try:
            check(body, fields.COMFY)
        except Wrong as wrong:
            return self.error(400, str(wrong), wrong.name)
        graph = body.get("prompt")
        if graph is None:
            return Answer(400, {"error": {"type": "no_prompt", "message": "No prompt provided", "details": "No prompt provided",
                                          "extra_info": {}}, "node_errors": {}})
        wrong, outputs = self.validate(graph)
        if wrong:
            return wrong
        name = body.get("prompt_id") or str(uuid.uuid4())
        for node in outputs:
            self.asked(graph, node)  # a graph without an image is rejected at once
        with world.lock:
            take_number(world, request)
            self.numbers += 1
            number = -self.numbers if body.get("front") else body.get("number", self.numbers)
            job = {"id": name, "number": number, "graph": graph, "extra": {**body.get("extra_data", {}), "client_id": body.get(
                "client_id", "")}, "outputs": outputs, "fault": request.fault, "results": {}, "messages": [], "text": "success"}
            for node in graph.values():
                if node["class_type"] == "TestFresh":
                    # the entries have the same form as in the queue of the real server
                    node["is_changed"] = [float("nan")]
            self.pending.append(job)
        self.line.put(self.work)
        return Answer(200, {"prompt_id": name, "number": number, "node_errors": {}})

    def validate(self, graph):
        """Returns (400 or None, the output nodes)."""
        def refuse(kind, message, details, node_errors=None):
            return Answer(400, {"error": {"type": kind, "message": message, "details": details, "extra_info": {}},
                                "node_errors": node_errors or {}}), []
        for node, what in graph.items():
            cls = what.get("class_type") if isinstance(what, dict) else None
            if not isinstance(cls, str) or cls not in NODES or not isinstance(what.get("inputs", {}), dict):
                return refuse("missing_node_type", "Node '%s' not found. The custom node may not be installed." % cls,
                              "Node ID '#%s'" % node)
        outputs = [n for n, what in graph.items() if what["class_type"] in OUTPUTS]
        if not outputs:
            return refuse("prompt_no_outputs", "Prompt has no outputs", "")
        errors = {}
        for node in dict.fromkeys(n for o in outputs for n in upstream(graph, o)):
            what, found = graph[node], []
            given = what.get("inputs", {})
            for name, kind in NODES[what["class_type"]][0].items():
                if name not in given:
                    wrong = ("required_input_missing", "Required input is missing", name)
                else:
                    wrong = input_error(graph, name, kind, given[name])
                if wrong:
                    found.append({"type": wrong[0], "message": wrong[1], "details": wrong[2], "extra_info": {"input_name": name}})
            if found:
                errors[node] = {"errors": found, "dependent_outputs": [o for o in outputs if node in upstream(graph, o)],
                                "class_type": what["class_type"]}
        if errors:
            return refuse("prompt_outputs_failed_validation", "Prompt outputs failed validation",
                          "; ".join("%s %s" % (n, e["errors"][0]["details"]) for n, e in errors.items()), errors)
        return None, outputs

    # ---- the prompt, seed and size in a graph ----
    def value(self, graph, value, depth=0):
        if not is_link(value):
            return value
        if depth > 32:
            raise Wrong("prompt", "has a circle")
        node = graph[value[0]]
        get = lambda name: self.value(graph, node["inputs"][name], depth + 1)
        if node["class_type"] == "StringConcatenate":
            return get("delimiter").join((get("string_a"), get("string_b")))
        if node["class_type"] == "StringReplace":
            return get("string").replace(get("find"), get("replace"))
        return get("value")

    def text(self, graph, link):
        """Returns the text of a conditioning; "" if it was zeroed."""
        for _ in range(32):
            node = graph[link[0]]
            if node["class_type"].startswith("CLIPTextEncode"):
                return self.value(graph, next(node["inputs"][name] for name in TEXTS if name in node["inputs"]))
            if node["class_type"] == "ConditioningZeroOut":
                return ""
            link = node["inputs"]["conditioning"]
        raise Wrong("prompt", "has a circle")

    @staticmethod
    def sampler_of(graph, output):
        """Returns the id of the sampler nearest to an output node, or None."""
        return next((n for n in upstream(graph, output) if graph[n]["class_type"] in SAMPLING), None)

    def asked(self, graph, output):
        """Returns [(prompt, seed, width, height)] of an output node: positive text, seed and latent of its nearest
        sampler."""
        sampler = self.sampler_of(graph, output)
        cloud = next((n for n in upstream(graph, output) if graph[n]["class_type"] == "TestCloud"), None)
        if cloud:
            return [(self.value(graph, graph[cloud]["inputs"]["prompt"]), random.getrandbits(40), 96, 96)]
        if not sampler:
            return []
        given = graph[sampler]["inputs"]
        latent = next((graph[n]["inputs"] for n in upstream(graph, given["latent_image"][0])
                       if graph[n]["class_type"].startswith("Empty")), None)
        if not latent:
            raise Wrong("prompt", "has a sampler without an empty latent")
        words = given
        if "guider" in given:
            given = {**given, "noise_seed": graph[given["noise"][0]]["inputs"]["noise_seed"]}
            words = graph[given["guider"][0]]["inputs"]
        seed = self.value(graph, given["seed" if "seed" in given else "noise_seed"])
        size = self.value(graph, latent["width"]), self.value(graph, latent["height"])
        prompt = self.text(graph, words["positive" if "positive" in words else "conditioning"])
        # The images of a batch have one seed.  The later images of a batch cannot be generated from any seed alone.
        return [(prompt, seed if i == 0 else pictures.next_seed("batch", seed, i), *size)
                for i in range(self.value(graph, latent["batch_size"]))]

    def signature(self, graph, node):
        """Returns the key of the cache: classes and inputs of a node and of all nodes that it depends on, without
        ids and titles."""
        order = upstream(graph, node)
        place = {n: i for i, n in enumerate(order)}
        show = lambda v: ["node", place.get(v[0]), v[1]] if is_link(v) else v
        return json.dumps([[graph[n]["class_type"], sorted((k, show(v)) for k, v in graph[n].get("inputs", {}).items()),
                            uuid.uuid4().hex if graph[n]["class_type"] in ("TestFresh", "TestCloud") else ""] for n in order])

    # ---- the WebSocket ----
    def socket(self, world, request):
        headers = {k.lower(): v for k, v in request.headers.items()}
        key, bad = headers.get("sec-websocket-key"), world.options.socket
        if headers.get("upgrade", "").lower() != "websocket" or not key or bad == "refused":
            return Answer(400, b"No WebSocket UPGRADE hdr: None", "text/plain")
        frames = queue.Queue()
        with world.lock:
            # a client has only one connection
            self.sockets[request.query.get("clientId") or uuid.uuid4().hex] = frames
        if bad == "garbage":
            frames.put(bytes(random.Random(1).randbytes(5000)))
        elif bad != "silent":
            self.put(frames, "status", status={"exec_info": {"queue_remaining": len(self.unfinished())}})
        return Answer(0 if bad == "hangs" else 101, b"", frames=frames, headers={
            "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": websocket.accept(key)})

    @staticmethod
    def put(frames, kind, **data):
        frames.put(websocket.frame(websocket.TEXT, json.dumps({"type": kind, "data": data}).encode()))

    def event(self, job, kind, **data):
        """Sends an event about a job to its client, if it is connected."""
        bad = self.world.options.socket
        with self.world.lock:
            frames = self.sockets.get(job["extra"]["client_id"])
        if not frames or bad in ("silent", "garbage", "hangs"):
            return
        self.put(frames, kind, prompt_id=job["id"], **data)
        if kind == "execution_start" and bad == "closes":
            frames.put(websocket.CLOSE)
        if kind == "progress":
            frames.put(websocket.frame(websocket.BINARY, b"\0\0\0\1\0\0\0\2" + bytes(100000)))  # a preview
        if kind == "execution_start" and bad == "noise":
            frames.put(websocket.frame(websocket.PING, b"?"))
            frames.put(websocket.frame(websocket.TEXT, b'{"type": "executing", "data": {"node"'))
            frames.put(websocket.frame(websocket.TEXT, b"\xff\xfe" * 40000))
            frames.put(websocket.frame(websocket.TEXT, b"["  * 60000))
            frames.put(websocket.frame(websocket.TEXT, b""))
            frames.put(websocket.frame(websocket.TEXT, b'{"type": "exec', last=False) + websocket.frame(0, b'uting"}'))
            self.put(frames, "execution_success", prompt_id="somebody-else")
            for _ in range(50):
                self.put(frames, "executing", node=None, prompt_id=job["id"])
            self.put(frames, "progress", value=-1, max=0, prompt_id=job["id"])

    # ---- a job is done ----
    def work(self):
        with self.world.lock:
            if not self.pending:
                return  # a client deleted the job from the queue
            job = min(self.pending, key=lambda j: j["number"])
            self.pending.remove(job)
            self.running = job
        # the log has a separate line for each drawing, because a request with cached images draws nothing
        shown = Request("WORK", "/prompt", {}, {}, {"prompt_id": job["id"]})

        def tell(kind, **more):
            more["timestamp"] = int(time.time() * 1000)
            job["messages"].append([kind, {"prompt_id": job["id"], **more}])
            self.event(job, kind, **more)
        signs = {node: self.signature(job["graph"], node) for node in job["outputs"]}
        known = {n: self.cached[s] for n, s in signs.items() if s in self.cached and not job["fault"]}
        tell("execution_start")
        tell("execution_cached", nodes=list(dict.fromkeys(u for n in known for u in upstream(job["graph"], n))))
        job["results"].update(known)
        for node in job["outputs"]:
            if node not in known and not self.output(job, node, shown, tell):
                job["text"] = "error"
                break
        if job["text"] == "success":
            tell("execution_success")
        self.cached = {} if job["fault"] else {signs[n]: r for n, r in job["results"].items()}
        self.world.write(self.world.number(), shown, 200, job["fault"])
        with self.world.lock:
            self.running = None
            self.history_of[job["id"]] = job
            while len(self.history_of) > MOST_HISTORY:
                self.history_of.popitem(last=False)
        self.event(job, "executing", node=None)

    def output(self, job, node, shown, tell):
        """Draws and saves the images of an output node.  Returns False if the job ends here; a message says why."""
        graph, kind = job["graph"], "output" if job["graph"][node]["class_type"] == "SaveImage" else "temp"
        prefix = self.value(graph, graph[node]["inputs"].get("filename_prefix", "ComfyUI_temp_" + "".join(random.choices("abcdefgh", k=5))))
        folder, _, stem = prefix.replace("\\", "/").rpartition("/")
        sampler, files = self.sampler_of(graph, node) or node, []
        for ask in self.asked(graph, node):
            self.event(job, "executing", node=sampler)
            self.event(job, "progress", value=1, max=2, node=sampler)
            if not self.world.wait():
                tell("execution_interrupted", node_id=sampler, node_type=graph[sampler]["class_type"], executed=[])
                return False
            chunks = [("prompt", json.dumps(graph))]
            chunks += [(k, json.dumps(v)) for k, v in (job["extra"].get("extra_pnginfo") or {}).items()]
            files.append(pictures.encode(self.world.picture(shown, *ask), () if self.world.options.disable_metadata else chunks))
        failing = next((n for n in upstream(graph, node) if graph[n]["class_type"] == "TestFail"), None)
        if failing or job["fault"] == "failed":
            kind, words = ("RuntimeError", "told to fail") if failing else ("torch.OutOfMemoryError", "Allocation on device ")
            at = failing or sampler
            shown.drawn.clear()
            tell("execution_error", node_id=at, node_type=graph[at]["class_type"], executed=[], exception_message=words,
                 exception_type=kind, traceback=["  File \"nodes.py\", line 1, in execute\n"], current_inputs={}, current_outputs=[])
            return False
        job["results"][node] = {"images": [self.save(kind, folder, stem, self.world.spoil(f, job["fault"])) for f in files]}
        return True

    def save(self, kind, folder, stem, data):
        into = os.path.join(self.folders[kind], folder)
        os.makedirs(into, exist_ok=True)
        found = [re.fullmatch(re.escape(stem) + r"_(\d+)_?\..*", name) for name in os.listdir(into)]
        name = "%s_%05d_.png" % (stem, max([int(m.group(1)) for m in found if m], default=0) + 1)
        with open(os.path.join(into, name), "wb") as file:
            file.write(data)
        return {"filename": name, "subfolder": folder, "type": kind}

    # ---- results of jobs ----
    def entry(self, job):
        return {"prompt": [job["number"], job["id"], job["graph"], job["extra"], job["outputs"]], "outputs": job["results"],
                "status": {"status_str": job["text"], "completed": job["text"] == "success", "messages": job["messages"]},
                "meta": {n: {"node_id": n, "display_node": n, "parent_node": None, "real_node_id": n} for n in job["results"]}}

    def history(self, world, request):
        job = self.history_of.get(request.match.group(1))
        return Answer(200, {job["id"]: self.entry(job)} if job else {})

    def histories(self, world, request):
        with world.lock:
            done = list(self.history_of.values())
        return Answer(200, {j["id"]: self.entry(j) for j in done[-int(request.query.get("max_items", MOST_HISTORY)):]})

    def view(self, world, request):
        q = request.query
        top = self.folders.get(q.get("type", "output"), "")
        path = os.path.realpath(os.path.join(top, q.get("subfolder", ""), os.path.basename(q.get("filename", ""))))
        if not top or not path.startswith(os.path.realpath(top)) or not os.path.isfile(path):
            return Answer(404, b"", "text/plain")
        with open(path, "rb") as file:
            return Answer(200, file.read(), "image/png", {"Content-Disposition": 'filename="%s"' % q["filename"]})

    def unfinished(self):
        with self.world.lock:
            return ([self.running] if self.running else []) + self.pending

    def queue(self, world, request):
        show = lambda jobs: [[j["number"], j["id"], j["graph"], j["extra"], j["outputs"]] for j in jobs]
        with world.lock:
            return Answer(200, {"queue_running": show([self.running] if self.running else []), "queue_pending": [
                *show(sorted(self.pending, key=lambda j: j["number"])), [1e9, "somebody-else", STRANGER, {}, ["1"]]]})

    def change_queue(self, world, request):
        check(request.body, {"clear": "bool", "delete": "list"})
        with world.lock:
            gone = request.body.get("delete", [])
            self.pending = [] if request.body.get("clear") else [j for j in self.pending if j["id"] not in gone]
        return Answer(200, b"", "text/plain")

    def interrupt(self, world, request):
        check(request.body or {}, {"prompt_id": "str", "client_id": "str"})
        wanted = (request.body or {}).get("prompt_id")
        if self.running and wanted in (None, self.running["id"]):
            world.interrupted.set()
        return Answer(200, b"", "text/plain")

    def stats(self, world, request):
        return Answer(200, {"system": {"os": "posix", "ram_total": 1 << 34, "ram_free": 1 << 33, "comfyui_version": "0.3.66",
                                       "python_version": "3.11", "embedded_python": False, "argv": ["main.py"]},
                            "devices": [{"name": "cpu", "type": "cpu", "index": None, "vram_total": 1 << 34, "vram_free": 1 << 33}]})

    def object_info(self, world, request):
        def inputs(kind):
            if isinstance(kind, tuple):
                return [kind[0], {"min": kind[1], "max": kind[2]}]
            return [kind, {}]
        wanted = request.match.group(1)
        return Answer(200, {cls: {"input": {"required": {n: inputs(k) for n, k in ins.items()}}, "output": outs, "name": cls,
                                  "output_node": cls in OUTPUTS} for cls, (ins, outs) in NODES.items() if wanted in (None, cls)})
