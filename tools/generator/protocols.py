# SPDX-License-Identifier: MIT
"""The handlers of the paths of AUTOMATIC1111, OpenAI, stable-diffusion.cpp and SwarmUI; ComfyUI is in comfy.py.

Each protocol is a Style: its routes (method, pattern of the path, handler) and the form of its errors.
"""
import base64
import collections
import json
import math
import queue
import re
import secrets
import threading
import time

from PIL import Image

from . import fields, pictures
from .fields import Wrong, check, need
from .server import Answer, Refused, Request, take_number

SAMPLERS = {"Euler": "euler", "Euler a": "euler_a", "DPM++ 2M": "dpm++2m", "DPM++ 2M SDE": "dpm++2m_sde", "DDIM": "ddim",
            "LCM": "lcm", "UniPC": "unipc"}
SCHEDULERS = ["Automatic", "Karras", "Exponential", "SGM Uniform", "Simple", "Normal", "Beta"]
MODELS = [{"title": "%s.safetensors [%s]" % (name, digest), "model_name": name, "hash": digest, "sha256": digest * 6 + "d7a3",
           "filename": "/models/%s.safetensors" % name, "config": None}
          for name, digest in ((pictures.MODEL, pictures.MODEL_HASH), ("drawn-world-refiner", "0b5e7c9a21"))]


class Style:
    """Properties of a protocol."""
    bearer = False  # the server authenticates requests by a key instead of user and password
    no_origin = False  # the server rejects requests from browsers (with an Origin header)
    open = False  # requests need no authentication
    queued = False  # the server accepts a job even if the job will fail
    routes = ()

    def __init__(self, world=None):
        self.world = world

    def error(self, status, message, name):
        return Answer(status, {"detail": message, "field": name})


def split_extra(prompt):
    """Splits `text <sd_cpp_extra_args>{...}</sd_cpp_extra_args>` into (prompt, fields).  Clients of other protocols can
    pass a seed in this form."""
    found = re.search(r"\s*<sd_cpp_extra_args>(.*?)</sd_cpp_extra_args>\s*", prompt, re.S)
    if not found:
        return prompt, {}
    try:
        extra = json.loads(found.group(1))
    except ValueError:
        raise Wrong("sd_cpp_extra_args", "is not JSON") from None
    check(extra, fields.IMG_GEN, "sd_cpp_extra_args.")
    return (prompt[:found.start()] + " " + prompt[found.end():]).strip(), extra


def grid_of(images):
    columns = math.ceil(math.sqrt(len(images)))
    w, h = images[0].size
    grid = Image.new("RGB", (columns * w, -(-len(images) // columns) * h))
    for i, im in enumerate(images):
        grid.paste(im, (i % columns * w, i // columns * h))
    return grid


class Automatic1111(Style):
    def __init__(self, world):
        super().__init__(world)
        self.routes = [("POST", "/sdapi/v1/txt2img", self.txt2img), ("GET", "/sdapi/v1/progress", self.progress),
                       ("POST", "/sdapi/v1/interrupt", self.interrupt), ("POST", "/sdapi/v1/skip", self.interrupt),
                       ("GET", "/sdapi/v1/sd-models", lambda w, r: Answer(200, MODELS)),
                       ("GET", "/sdapi/v1/samplers", lambda w, r: Answer(
                           200, [{"name": n, "aliases": ["k_" + a], "options": {}} for n, a in SAMPLERS.items()])),
                       ("GET", "/sdapi/v1/schedulers", lambda w, r: Answer(
                           200, [{"name": n.lower().replace(" ", "_"), "label": n, "aliases": None, "default_rho": -1.0,
                                  "need_inner_model": n == "SGM Uniform"} for n in SCHEDULERS])),
                       ("GET", "/sdapi/v1/options", lambda w, r: Answer(
                           200, {"samples_format": "png", "sd_model_checkpoint": MODELS[0]["title"],
                                 "sd_checkpoint_hash": MODELS[0]["sha256"], "CLIP_stop_at_last_layers": 1})),
                       ("POST", "/sdapi/v1/options", lambda w, r: Answer(200, None))]

    def error(self, status, message, name):
        if status == 422:
            return Answer(422, {"detail": [{"type": "value_error", "loc": ["body"] + name.split("."), "msg": message}]})
        if status == 500:
            return Answer(500, {"error": "RuntimeError", "detail": "", "body": "", "errors": message})
        return Answer(status, {"detail": message})

    def model(self, name):
        """An unknown checkpoint is ignored, as by the real server: the response names the checkpoint that was used."""
        return next((m for m in MODELS if name in (m["title"], m["model_name"], m["hash"], m["model_name"] + ".safetensors")),
                    MODELS[0])

    def txt2img(self, world, request):
        body = request.body
        check(body, fields.TXT2IMG)
        check(body.get("override_settings") or {}, fields.OVERRIDES, "override_settings.")
        get = lambda name, default: default if body.get(name) is None else body[name]
        sampler = get("sampler_name", get("sampler_index", "Euler"))
        scheduler = get("scheduler", "Automatic")
        if sampler not in SAMPLERS:
            raise Refused(self.error(400, "Sampler not found", "sampler_name"))
        if scheduler.lower() not in [x for s in SCHEDULERS for x in (s.lower(), s.lower().replace(" ", "_"))]:
            raise Refused(self.error(400, "Scheduler not found", "scheduler"))
        prompt, extra = split_extra(get("prompt", ""))
        seed = pictures.any_seed(extra.get("seed", get("seed", -1)))
        width, height, steps, cfg = get("width", 512), get("height", 512), get("steps", 50), get("cfg_scale", 7.0)
        size, hires = (width, height), []
        if get("enable_hr", False):
            scale = get("hr_scale", 2.0)
            size = (get("hr_resize_x", 0) or int(width * scale), get("hr_resize_y", 0) or int(height * scale))
            if max(size) > pictures.MOST_SIDE:
                raise Wrong("hr_scale", "makes %d x %d, and no side may pass %d" % (*size, pictures.MOST_SIDE))
            hires = [("Denoising strength", get("denoising_strength", 0.75)), ("Hires upscale", scale),
                     ("Hires steps", get("hr_second_pass_steps", 0) or None), ("Hires upscaler", get("hr_upscaler", "Latent"))]
        model = self.model((body.get("override_settings") or {}).get("sd_model_checkpoint"))
        if body.get("refiner_checkpoint"):
            hires += [("Refiner", self.model(body["refiner_checkpoint"])["title"]),
                      ("Refiner switch at", get("refiner_switch_at", 0.8))]
        negative, count = get("negative_prompt", ""), get("batch_size", 1) * get("n_iter", 1)
        take_number(world, request)

        def text(s):
            return pictures.infotext(prompt, negative, [
                ("Steps", steps), ("Sampler", sampler), ("Schedule type", scheduler), ("CFG scale", cfg), ("Seed", s),
                ("Size", "%dx%d" % (width, height)), ("Model hash", model["hash"]), ("Model", model["model_name"]), *hires,
                ("Version", "v1.10.1")])

        seeds, images = [], []
        with world.device:
            world.interrupted.clear()
            world.running = (get("force_task_id", ""), count, images, time.time())
            for i in range(count):
                if not world.wait():
                    break
                seeds.append(seed + i)
                images.append(world.picture(request, prompt, seed + i, *size))
            world.running = None
        texts = [text(s) for s in seeds]
        files = [pictures.encode(im, [("parameters", t)]) for im, t in zip(images, texts)]
        # like the web interface, puts a grid first if the request saves several images; --grid: always puts it first
        first = 1 if images and (world.options.grid or (get("save_images", False) and count > 1)) else 0
        if first:
            texts.insert(0, text(seed))
            files.insert(0, pictures.encode(grid_of(images), [("parameters", texts[0])]))
        prefix = "data:image/png;base64," if world.options.data_prefix else ""
        n = len(seeds)
        info = {"prompt": prompt, "all_prompts": [prompt] * n, "negative_prompt": negative,
                "all_negative_prompts": [negative] * n, "seed": seed, "all_seeds": seeds, "subseed": get("subseed", -1),
                "all_subseeds": [get("subseed", -1)] * n, "subseed_strength": get("subseed_strength", 0), "width": width,
                "height": height, "sampler_name": sampler, "cfg_scale": cfg, "steps": steps,
                "batch_size": get("batch_size", 1), "restore_faces": False, "face_restoration_model": None,
                "sd_model_name": model["model_name"], "sd_model_hash": model["hash"], "sd_vae_name": None, "sd_vae_hash": None,
                "seed_resize_from_w": -1, "seed_resize_from_h": -1, "denoising_strength": get("denoising_strength", None),
                "extra_generation_params": {"Schedule type": scheduler, **{k: v for k, v in hires if v is not None}},
                "index_of_first_image": first, "infotexts": texts, "styles": get("styles", []),
                "job_timestamp": time.strftime("%Y%m%d%H%M%S"), "clip_skip": 1, "is_using_inpainting_conditioning": False,
                "version": "v1.10.1"}
        parameters = {name: None for name in fields.TXT2IMG}
        parameters.update(body)
        sent = [prefix + base64.b64encode(world.spoil(f, request.fault)).decode() for f in files]
        return Answer(200, {"images": sent if get("send_images", True) else [], "parameters": parameters,
                            "info": "" if world.options.empty_info else json.dumps(info, ensure_ascii=False)})

    def progress(self, world, request):
        running = world.running
        task, count, done, since = running or ("", 0, [], time.time())
        spent = time.time() - since
        one = min(spent / world.options.latency - len(done), 0.99) if running and world.options.latency else 0.0
        part = (len(done) + max(one, 0.0)) / count if count else 0.0
        shown = running and request.query.get("skip_current_image") != "true"
        preview = base64.b64encode(pictures.encode(Image.new("RGB", (8, 8), (int(255 * part),) * 3))).decode() if shown else None
        return Answer(200, {"progress": part, "eta_relative": spent / part - spent if part else 0.0, "state": {
            "skipped": False, "interrupted": world.interrupted.is_set(), "stopping_generation": False, "job": task,
            "job_count": count, "job_timestamp": "0", "job_no": len(done), "sampling_step": 0,
            "sampling_steps": 20 if running else 0}, "current_image": preview, "textinfo": None})

    def interrupt(self, world, request):
        if world.running:
            world.interrupted.set()
        return Answer(200, {})


class OpenAi(Style):
    bearer = True

    def __init__(self, world):
        super().__init__(world)
        self.kept = collections.OrderedDict()  # files whose addresses were in a response
        self.routes = [("POST", "/v1/images/generations", self.generate), ("GET", "/v1/models", lambda w, r: Answer(
            200, {"object": "list", "data": [{"id": pictures.MODEL, "object": "model", "owned_by": "local"}]}))]

    def error(self, status, message, name):
        status = 400 if status == 422 else status
        kind, code = {401: ("invalid_request_error", "invalid_api_key"), 429: ("requests", "rate_limit_exceeded"),
                      500: ("server_error", None), 503: ("server_error", None)}.get(
                          status, ("invalid_request_error", "invalid_value" if name else None))
        return Answer(status, {"error": {"message": message, "type": kind, "param": name or None, "code": code}})

    def generate(self, world, request):
        body = request.body
        check(body, fields.OPENAI)
        need(body, "prompt")
        for name, words in fields.OPENAI_WORDS.items():
            if body.get(name) is not None and body[name] not in words.split():
                raise Wrong(name, "is '%s', not one of: %s" % (body[name], words))
        model = body.get("model") or pictures.MODEL
        for name in ("response_format", "style"):
            if model.startswith("gpt-image") and name in body:
                return Answer(400, {"error": {"message": "Unknown parameter: '%s'." % name, "type": "invalid_request_error", "param": name,
                                              "code": "unknown_parameter"}})
        if model == "dall-e-3" and (body.get("n") or 1) > 1:
            raise Wrong("n", "is %s; this model makes one picture at a time" % body["n"])
        size = body.get("size") or "auto"
        found = re.fullmatch(r"(\d{1,5})x(\d{1,5})", "1024x1024" if size == "auto" else size)
        if not found:
            raise Wrong("size", "is '%s', not auto or WIDTHxHEIGHT" % size)
        width, height = int(found.group(1)), int(found.group(2))
        check({"size": width}, {"size": fields.SIDE})
        check({"size": height}, {"size": fields.SIDE})
        if body.get("stream"):
            raise Wrong("stream", "is not spoken here")
        prompt, extra = split_extra(body["prompt"])
        if not prompt.strip():
            raise Wrong("prompt", "is empty")
        if re.search(r"\bforbidden\b", prompt, re.I):
            return Answer(400, {"error": {"code": "moderation_blocked", "message": "Your request was rejected as a result of our "
                                          "safety system.", "param": None, "type": "image_generation_user_error"}})
        take_number(world, request)
        form, data = body.get("output_format") or "png", []
        for i in range(body.get("n") or 1):
            # the protocol has no seed: image k of a prompt is the same in every run, and differs from the other images
            with world.lock:
                k = world.openai_drawn[prompt]
                world.openai_drawn[prompt] += 1
            seed = extra["seed"] + i if extra.get("seed", -1) >= 0 else pictures.next_seed(prompt, k)
            if world.options.one_seed >= 0:
                seed = world.options.one_seed
            world.wait_alone()
            im = world.picture(request, prompt, seed, width, height)
            file = world.spoil(pictures.encode(im, (), form, body.get("output_compression")), request.fault)
            if (body.get("response_format") or ("url" if model.startswith("dall-e") else "")) == "url":
                name = secrets.token_hex(12)
                with world.lock:
                    self.kept[name] = (file, form)
                    while len(self.kept) > 256:
                        self.kept.popitem(last=False)
                data.append({"url": "http://127.0.0.1:%d/files/%s" % (world.port, name)})
            else:
                data.append({"b64_json": base64.b64encode(file).decode()})
            if model == "dall-e-3":  # this model rewrites every prompt and draws the new text
                data[-1]["revised_prompt"] = "A detailed view: %s." % prompt
        return Answer(200, {"created": int(time.time()), "data": data, "size": "%dx%d" % (width, height), "output_format": form,
                            "quality": body.get("quality") or "auto", "background": "opaque",
                            "usage": {"input_tokens": 10, "output_tokens": 100, "total_tokens": 110}})


class OpenAiFiles(Style):
    """Serves the addresses in responses, on another server and without the key."""
    open = True

    def __init__(self, openai):
        super().__init__(openai.world)
        self.kept = openai.kept
        self.routes = [("GET", "/files/([0-9a-f]+)", self.file)]

    def file(self, world, request):
        file, form = self.kept.get(request.match.group(1), (b"", ""))
        return Answer(200, file, "image/" + form) if form else self.error(404, "no such file", "")


class Jobs:
    """One thread that runs jobs in order, for protocols that respond before the image exists."""

    def __init__(self, world):
        self.world, self.waiting = world, queue.Queue()
        threading.Thread(target=self.work, daemon=True).start()

    def put(self, job):
        self.waiting.put(job)

    def work(self):
        while True:
            job = self.waiting.get()
            with self.world.device:
                self.world.interrupted.clear()
                job()


class SdCpp(Style):
    def __init__(self, world, jobs):
        super().__init__(world)
        self.line, self.jobs = jobs, {}
        self.routes = [("POST", "/sdcpp/v1/img_gen", self.img_gen), ("GET", "/sdcpp/v1/jobs/([^/]+)", self.job),
                       ("POST", "/sdcpp/v1/jobs/([^/]+)/cancel", self.cancel), ("GET", "/sdcpp/v1/capabilities", self.capabilities)]

    def error(self, status, message, name):
        return Answer(status, {"error": {"code": "invalid_parameter" if name else "error", "message": message, "field": name}})

    def capabilities(self, world, request):
        defaults = {"prompt": "", "negative_prompt": "", "clip_skip": -1, "width": 512, "height": 512, "strength": 0.75, "seed": world.options.one_seed,
                    "batch_count": 1, "output_format": "png", "output_compression": 100, "sample_params": {
                        "scheduler": "discrete", "sample_method": "euler_a", "sample_steps": 20, "eta": None,
                        "guidance": {"txt_cfg": 7.0, "img_cfg": None, "distilled_guidance": 3.5}}}
        formats, features = ["png", "jpeg", "webp"], {"lora": True, "hires": True, "cancel_queued": True, "cancel_generating": False}
        return Answer(200, {
            "model": {"name": pictures.MODEL + ".gguf", "stem": pictures.MODEL, "path": "/models/%s.gguf" % pictures.MODEL},
            "current_mode": "img_gen", "supported_modes": ["img_gen"], "defaults": defaults, "output_formats": formats,
            "features": features, "defaults_by_mode": {"img_gen": defaults}, "output_formats_by_mode": {"img_gen": formats},
            "features_by_mode": {"img_gen": features}, "samplers": list(SAMPLERS.values()), "schedulers": ["discrete", "karras"],
            "loras": [], "upscalers": [{"name": "None"}, {"name": "Latent"}],
            "limits": {"min_width": 16, "max_width": pictures.MOST_SIDE, "min_height": 16, "max_height": pictures.MOST_SIDE,
                       "max_batch_count": 64, "max_queue_size": world.options.most_jobs}})

    def img_gen(self, world, request):
        body = request.body
        check(body, fields.IMG_GEN)
        need(body, "prompt")
        form = body.get("output_format", "png")
        if form not in ("png", "jpeg", "webp"):
            raise Wrong("output_format", "is '%s', not png, jpeg or webp" % form)
        params = body.get("sample_params", {})
        with world.lock:
            waiting = sum(j["status"] == "queued" for j in self.jobs.values())
        if waiting >= world.options.most_jobs:
            return self.error(429, "the job queue is full", "")
        take_number(world, request)
        seed = pictures.any_seed(body.get("seed"))
        job = {"id": "job_" + secrets.token_hex(8), "kind": "img_gen", "status": "queued", "created": int(time.time()),
               "started": None, "completed": None, "queue_position": waiting, "result": None, "error": None}
        hidden = Request("", "", {}, {}, fault=request.fault)
        count = body.get("batch_count", 1)
        request.drawn += [{"seed": seed + i, "flaw": pictures.plan(body["prompt"], seed + i).flaw} for i in range(count)]

        def work():
            if job["status"] != "queued":
                return
            job.update(status="generating", started=int(time.time()), queue_position=0)
            images = []
            for i in range(count):
                world.wait()
                images.append({"index": i, "b64_json": self.image(world, hidden, body, params, seed + i, form)})
            if request.fault == "failed":
                job["error"] = {"code": "generation_failed", "message": "generate_image returned empty results"}
            else:
                job["result"] = {"output_format": form, "images": images}
            job["gone"] = time.time() + world.options.job_ttl
            job.update(completed=int(time.time()), status="failed" if job["error"] else "completed")

        with world.lock:
            self.jobs[job["id"]] = job
        self.line.put(work)
        return Answer(202, {"id": job["id"], "kind": "img_gen", "status": "queued", "created": job["created"],
                            "poll_url": "/sdcpp/v1/jobs/" + job["id"]})

    @staticmethod
    def image(world, request, body, params, seed, form):
        method = params.get("sample_method", "euler_a")  # the server ignores an unknown name without an error
        size, guidance = (body.get("width", 512), body.get("height", 512)), params.get("guidance", {})
        shown = size
        hires = body.get("hires", {})
        if hires.get("enabled"):
            scale = hires.get("scale", 2.0)
            shown = (hires.get("target_width", 0) or int(size[0] * scale), hires.get("target_height", 0) or int(size[1] * scale))
        text = pictures.infotext(body["prompt"], body.get("negative_prompt", ""), [
            ("Steps", params.get("sample_steps", 20)), ("CFG scale", "%f" % guidance.get("txt_cfg", 7.0)),
            ("Guidance", "%f" % guidance.get("distilled_guidance", 3.5)), ("Eta", "%f" % (params.get("eta") or 0)),
            ("Seed", seed), ("Size", "%dx%d" % size), ("Model", pictures.MODEL + ".gguf"), ("RNG", "cuda"),
            ("Sampler", method if method in SAMPLERS.values() else "NONE"), ("Version", "stable-diffusion.cpp")])
        text += ', SDCPP: {"schema": "sdcpp.image.params/v1", "seed": %d}' % seed
        im = world.picture(request, body["prompt"], seed, *shown)
        chunks = [("parameters", text)] if body.get("embed_image_metadata", True) else []
        return base64.b64encode(world.spoil(pictures.encode(im, chunks, form), request.fault)).decode()

    def find(self, world, request):
        with world.lock:
            for name in [n for n, j in self.jobs.items() if j.get("gone", math.inf) < time.time()]:
                del self.jobs[name]
            return self.jobs.get(request.match.group(1))

    def job(self, world, request):
        job = self.find(world, request)
        if not job:
            return self.error(410, "job is unknown or expired", "")
        shown = {k: v for k, v in job.items() if k != "gone"}
        if job["status"] not in ("completed", "failed", "cancelled"):
            shown["result"] = None
        return Answer(200, shown)

    def cancel(self, world, request):
        job = self.find(world, request)
        if not job:
            return self.error(410, "job is unknown or expired", "")
        if job["status"] != "queued":
            return self.error(409, "job is %s" % job["status"], "")
        job.update(status="cancelled", completed=int(time.time()), gone=time.time() + world.options.job_ttl,
                   error={"code": "cancelled", "message": "job cancelled by client"})
        return Answer(200, job)


class SwarmUi(Style):
    def __init__(self, world):
        super().__init__(world)
        self.sessions, self.kept = set(), collections.OrderedDict()
        self.routes = [("POST", "/API/GetNewSession", self.session), ("POST", "/API/GenerateText2Image", self.generate),
                       ("GET", "/View/(.+)", self.view)]

    def error(self, status, message, name):
        return Answer(status, {"error": message, "error_id": "invalid_field" if name else "error"})

    def session(self, world, request):
        name = secrets.token_hex(20).upper()
        with world.lock:
            self.sessions.add(name)
        return Answer(200, {"session_id": name, "user_id": "local", "output_append_user": True, "version": "0.9.6.0",
                            "server_id": "drawn-world", "count_running": 0, "permissions": ["user_generate"]})

    def generate(self, world, request):
        body = request.body
        check(body, fields.SWARM)
        if body.get("session_id") not in self.sessions:
            return Answer(401, {"error": "Invalid session ID. You may need to refresh the page.", "error_id": "invalid_session_id"})
        need(body, "images", "prompt")
        take_number(world, request)
        seed, sent = pictures.any_seed(body.get("seed")), []
        size = (body.get("width", 512), body.get("height", 512))
        for i in range(body["images"]):
            world.wait_alone()
            shown = {k: v for k, v in body.items() if k not in ("session_id", "images", "donotsave")}
            shown.update(seed=seed + i, width=size[0], height=size[1], model=body.get("model") or pictures.MODEL,
                         swarm_version="0.9.6.0")
            text = json.dumps({"sui_image_params": shown, "sui_extra_data": {"date": time.strftime("%Y-%m-%d")}}, indent=2)
            im = world.picture(request, body["prompt"], seed + i, *size)
            file = world.spoil(pictures.encode(im, [("parameters", text)]), request.fault)
            if body.get("donotsave"):
                sent.append("data:image/png;base64," + base64.b64encode(file).decode())
                continue
            name = "local/raw/%s/%s-%d.png" % (time.strftime("%Y-%m-%d"), secrets.token_hex(6), seed + i)
            with world.lock:
                self.kept[name] = file
                while len(self.kept) > 1024:
                    self.kept.popitem(last=False)
            sent.append("View/" + name)
        return Answer(200, {"images": sent})

    def view(self, world, request):
        file = self.kept.get(request.match.group(1))
        return Answer(200, file, "image/png") if file else self.error(404, "404, file not found", "")


def start(world):
    from .comfy import ComfyUi
    jobs = Jobs(world)
    openai = OpenAi(world)
    return [Automatic1111(world), openai, OpenAiFiles(openai), SdCpp(world, jobs), SwarmUi(world), ComfyUi(world, jobs)]
