# SPDX-License-Identifier: MIT
"""ComfyUI: a graph is checked as the real server checks it, and its pictures are drawn from what its nodes say."""
import collections
import json
import time
import uuid

from . import fields, pictures
from .fields import Wrong, check
from .protocols import MODELS, Style
from .server import Answer, Request, take_number

SEED = ("INT", 0, 2 ** 64 - 1)
SIDE = ("INT", 16, pictures.MOST_SIDE)
SAMPLERS = ["euler", "euler_ancestral", "heun", "dpmpp_2m", "dpmpp_2m_sde", "ddim", "lcm", "uni_pc"]
SCHEDULERS = ["normal", "karras", "exponential", "sgm_uniform", "simple", "ddim_uniform", "beta"]
CHECKPOINTS = [m["model_name"] + ".safetensors" for m in MODELS]
LATENT = ({"width": SIDE, "height": SIDE, "batch_size": ("INT", 1, 64)}, ["LATENT"])
SAMPLER = {"model": "MODEL", "steps": ("INT", 1, 10000), "cfg": ("FLOAT", 0, 100), "sampler_name": SAMPLERS,
           "scheduler": SCHEDULERS, "positive": "CONDITIONING", "negative": "CONDITIONING", "latent_image": "LATENT"}
# class -> (inputs, outputs); an input is a type that only a link gives, a list of words, or (INT or FLOAT, lowest, highest).
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
    "PrimitiveInt": ({"value": SEED}, ["INT"]),
    "SaveImage": ({"images": "IMAGE", "filename_prefix": "STRING"}, []), "PreviewImage": ({"images": "IMAGE"}, []),
}
OUTPUTS = ("SaveImage", "PreviewImage")


def is_link(value):
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], int)


def input_error(graph, name, kind, value):
    """(type, message, details) of what is wrong with a node's input, or None."""
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
    """The nodes that a node needs, itself first, nearest first."""
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
        self.jobs = collections.OrderedDict()   # id -> job, as long as it is pending, running or in the history
        self.files, self.counters = {}, collections.Counter()
        routes = [("POST", "/prompt", self.prompt), ("GET", "/prompt", lambda w, r: Answer(
            200, {"exec_info": {"queue_remaining": len(self.unfinished())}})),
            ("GET", "/history/([^/]+)", self.history), ("GET", "/history", self.histories), ("GET", "/view", self.view),
            ("GET", "/queue", self.queue), ("POST", "/queue", self.change_queue), ("GET", "/system_stats", self.stats),
            ("POST", "/interrupt", self.interrupt), ("POST", "/free", lambda w, r: Answer(200, b"", "text/plain")),
            ("GET", "/object_info(?:/([^/]+))?", self.object_info)]
        self.routes = [(m, "(?:/api)?" + p, h) for m, p, h in routes]

    def error(self, status, message, name):
        return Answer(status, {"error": {"type": "invalid_prompt", "message": message, "details": name, "extra_info": {}},
                               "node_errors": {}})

    # ---- a prompt is taken ----
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
        asked = [ask for node in outputs for ask in self.asked(graph, node)]
        with world.lock:  # from the look to the entry: of two at a time, one draws
            known = self.jobs.get(name)
            if known and not known["spoiled"]:  # the same id again: the same result, nothing is drawn
                return Answer(200, {"prompt_id": name, "number": known["number"], "node_errors": {}})
            take_number(world, request)
            self.numbers += 1
            number = -self.numbers if body.get("front") else body.get("number", self.numbers)
            job = {"id": name, "number": number, "graph": graph, "extra": {**body.get("extra_data", {}), "client_id": body.get(
                "client_id", "")}, "outputs": outputs, "state": "pending", "spoiled": bool(request.fault), "fault": request.fault,
                "results": {}, "messages": [], "text": "success"}
            self.jobs.pop(name, None)
            self.jobs[name] = job
            while len(self.jobs) > 10000:
                self.jobs.popitem(last=False)
        request.drawn += [{"seed": ask[1], "flaw": pictures.plan(*ask[:2]).flaw} for ask in asked]
        self.line.put(lambda: self.work(job))
        return Answer(200, {"prompt_id": name, "number": number, "node_errors": {}})

    def validate(self, graph):
        """(400 or None, the output nodes)."""
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

    # ---- what a graph asks for ----
    def value(self, graph, value):
        for _ in range(32):
            if not is_link(value):
                return value
            value = graph[value[0]]["inputs"].get("value")
        raise Wrong("prompt", "has a circle")

    def text(self, graph, link):
        """The text behind a conditioning; "" where it was zeroed."""
        for _ in range(32):
            node = graph[link[0]]
            if node["class_type"] == "CLIPTextEncode":
                return self.value(graph, node["inputs"]["text"])
            if node["class_type"] == "ConditioningZeroOut":
                return ""
            link = node["inputs"]["conditioning"]
        raise Wrong("prompt", "has a circle")

    def asked(self, graph, output):
        """[(prompt, seed, width, height)] of an output node: the nearest sampler's positive text, seed and latent."""
        sampler = next((graph[n]["inputs"] for n in upstream(graph, output) if graph[n]["class_type"].startswith("KSampler")), None)
        if not sampler:
            return []
        latent = next((graph[n]["inputs"] for n in upstream(graph, sampler["latent_image"][0])
                       if graph[n]["class_type"].startswith("Empty")), None)
        if not latent:
            raise Wrong("prompt", "has a sampler without an empty latent")
        seed = self.value(graph, sampler["seed" if "seed" in sampler else "noise_seed"])
        size = self.value(graph, latent["width"]), self.value(graph, latent["height"])
        prompt = self.text(graph, sampler["positive"])
        # A batch has one seed: its later pictures are no other seed's.
        return [(prompt, seed if i == 0 else pictures.next_seed("batch", seed, i), *size)
                for i in range(self.value(graph, latent["batch_size"]))]

    def work(self, job):
        if job["state"] != "pending":
            return
        job["state"] = "running"
        tell = lambda kind, **more: job["messages"].append(
            [kind, {"prompt_id": job["id"], **more, "timestamp": int(time.time() * 1000)}])
        tell("execution_start")
        tell("execution_cached", nodes=[])
        for node in job["outputs"]:
            inputs = job["graph"][node]["inputs"]
            kind = "output" if job["graph"][node]["class_type"] == "SaveImage" else "temp"
            folder, _, stem = self.value(job["graph"], inputs.get("filename_prefix", "ComfyUI_temp")).rpartition("/")
            images = []
            for ask in self.asked(job["graph"], node):
                if not self.world.wait():
                    job["text"] = "error"
                    tell("execution_interrupted", node_id=node, node_type=job["graph"][node]["class_type"], executed=[])
                    break
                chunks = [("prompt", json.dumps(job["graph"]))]
                chunks += [(k, json.dumps(v)) for k, v in (job["extra"].get("extra_pnginfo") or {}).items()]
                file = pictures.encode(self.world.picture(Request("", "", {}, {}), *ask), chunks)
                self.counters[folder, stem] += 1
                name = "%s_%05d_.png" % (stem, self.counters[folder, stem])
                self.files[kind, folder, name] = self.world.spoil(file, job["fault"])
                images.append({"filename": name, "subfolder": folder, "type": kind})
            if job["fault"] == "failed":
                job["text"] = "error"
                tell("execution_error", node_id=node, node_type="KSampler", executed=[], exception_type="torch.OutOfMemoryError",
                     exception_message="Allocation on device", traceback=[], current_inputs={}, current_outputs=[])
            if job["text"] == "error":
                job["spoiled"] = True
                break
            job["results"][node] = {"images": images}
        if job["text"] == "success":
            tell("execution_success")
        job["state"] = "done"

    # ---- what became of it ----
    def entry(self, job):
        return {"prompt": [job["number"], job["id"], job["graph"], job["extra"], job["outputs"]], "outputs": job["results"],
                "status": {"status_str": job["text"], "completed": job["text"] == "success", "messages": job["messages"]},
                "meta": {n: {"node_id": n, "display_node": n, "parent_node": None, "real_node_id": n} for n in job["results"]}}

    def history(self, world, request):
        job = self.jobs.get(request.match.group(1))
        return Answer(200, {job["id"]: self.entry(job)} if job and job["state"] == "done" else {})

    def histories(self, world, request):
        with world.lock:
            done = [j for j in self.jobs.values() if j["state"] == "done"]
        return Answer(200, {j["id"]: self.entry(j) for j in done[-int(request.query.get("max_items", 10000)):]})

    def view(self, world, request):
        q = request.query
        file = self.files.get((q.get("type", "output"), q.get("subfolder", ""), q.get("filename", "")))
        if not file:
            return Answer(404, b"", "text/plain")
        return Answer(200, file, "image/png", {"Content-Disposition": 'filename="%s"' % q["filename"]})

    def unfinished(self, *states):
        with self.world.lock:
            return [j for j in self.jobs.values() if j["state"] in (states or ("pending", "running"))]

    def queue(self, world, request):
        show = lambda state: [[j["number"], j["id"], j["graph"], j["extra"], j["outputs"]] for j in self.unfinished(state)]
        return Answer(200, {"queue_running": show("running"), "queue_pending": show("pending")})

    def change_queue(self, world, request):
        check(request.body, {"clear": "bool", "delete": "list"})
        gone = [j for j in self.unfinished("pending") if request.body.get("clear") or j["id"] in request.body.get("delete", [])]
        with world.lock:
            for job in gone:
                job["state"] = "gone"
                del self.jobs[job["id"]]
        return Answer(200, b"", "text/plain")

    def interrupt(self, world, request):
        check(request.body or {}, {"prompt_id": "str", "client_id": "str"})
        wanted = (request.body or {}).get("prompt_id")
        if any(wanted in (None, j["id"]) for j in self.unfinished("running")):
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
