# SPDX-License-Identifier: MIT
"""The HTTP server: reads requests, writes a log line for each, and imitates the faults that the options select.
protocols.py defines the paths.

A handler of protocols.py gets a Request and returns an Answer. Each image request with valid fields gets the next
number, which decides whether it gets a fault. A request that is rejected for another reason gets no number.
"""
import base64
import collections
import http.server
import json
import re
import select
import socket
import sys
import threading
import time
import urllib.parse
from dataclasses import dataclass, field

from . import pictures, websocket
from .fields import Wrong

# With a fault in REFUSALS the whole response is wrong; with a fault in SPOILED only the image is wrong.  `failed`: the
# generator accepts a job, and the job fails later.  `timeout`: never responds.  `trickle`, `slowhead`: sends the body,
# or the header, slowly in single bytes.  `quota`: a 429 for an account without credit; waiting does not help.
REFUSALS = ("500", "503", "429", "quota", "timeout", "drop", "garbage", "trickle", "slowhead")
SPOILED = ("notimage", "truncated", "failed")
# Faults of ComfyUI's WebSocket.  `refused`: the server refuses the connection.  `hangs`: it never answers.  `closes`:
# it closes the connection when a job begins.  `garbage`: it sends bytes that are not frames.  `noise`: it sends
# misleading frames (long, binary, broken JSON, the end of a job that still runs).  `silent`: it sends nothing.
SOCKETS = ("refused", "hangs", "closes", "garbage", "noise", "silent")
DRIP = 0.25  # seconds between the bytes of a slow response
PAGE = (b"<!doctype html><html><head><title>Stable Diffusion</title></head><body><script>window.gradio_config = {};</script>"
        b"<gradio-app></gradio-app></body></html>")
NOT_AN_IMAGE = b"this is no image, whatever its name says\n"


@dataclass
class Options:
    latency: float = 0.0  # seconds for each image
    log: str = ""
    faults: tuple = ()          # ((kind, every), ...)
    grid: bool = False
    data_prefix: bool = False
    auth: str = ""              # user:password for all paths except the OpenAI paths
    key: str = ""               # bearer key for the OpenAI paths
    retry_after: str = "1"
    job_ttl: float = 600.0      # seconds after which the server forgets a finished sdcpp job
    most_jobs: int = 64  # maximum number of waiting sdcpp jobs
    no_api: bool = False        # true: serve only the page of a web interface, like AUTOMATIC1111 without --api
    busy: tuple = ()  # ((path, n), ...): the n-th request whose path begins with this path gets 429
    trickle: tuple = ()  # the server sends the responses of paths that begin with one of these words in single bytes
    output: str = ""            # the output folder of the imitated ComfyUI; "": a temporary folder
    disable_metadata: bool = False  # like ComfyUI's option of this name
    # every image of the OpenAI protocol gets this seed, as with stable-diffusion.cpp's server; -1: each image has its
    # own seed
    one_seed: int = -1
    empty_info: bool = False    # txt2img's `info` is an empty string, as from stable-diffusion.cpp
    socket: str = ""            # the fault of ComfyUI's WebSocket: a word of SOCKETS


@dataclass
class Request:
    method: str
    path: str
    query: dict
    headers: dict
    body: object = None
    match: object = None  # the regular expression match of the path
    fault: str = ""             # a fault that the handler must make: notimage, truncated or failed
    drawn: list = field(default_factory=list)  # the images made for this request, as [{"seed", "flaw"}]


@dataclass
class Answer:
    status: int
    body: object  # the body: bytes, or an object that is sent as JSON
    type: str = "application/json"
    headers: dict = field(default_factory=dict)
    frames: object = None  # a queue: the connection becomes a WebSocket that sends the queue's frames

    def data(self):
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class Refused(Exception):
    def __init__(self, answer):
        super().__init__(answer.status)
        self.answer = answer


class World:
    """State shared by all requests: options, counters, the log, and the one device that makes images."""

    def __init__(self, options):
        self.options = options
        self.lock = threading.RLock()
        self.device = threading.Lock()  # one job at a time if the real server has one device
        self.interrupted = threading.Event()
        self.requests = self.image_requests = 0
        self.counts = collections.Counter()  # the number of requests so far for each path in options.busy
        self.port = 0
        self.running = None  # the job that /progress reports
        self.openai_drawn = collections.Counter()
        self.log = open(options.log, "a", encoding="utf-8") if options.log else None

    def number(self):
        with self.lock:
            self.requests += 1
            return self.requests

    def count(self, begin):
        with self.lock:
            self.counts[begin] += 1
            return self.counts[begin]

    def fault(self):
        """Returns the fault of the next image request, or ""."""
        with self.lock:
            self.image_requests += 1
            return next((kind for kind, every in self.options.faults if self.image_requests % every == 0), "")

    def write(self, n, request, status, fault):
        if not self.log:
            return
        headers = {k.lower(): v for k, v in request.headers.items() if k.lower() != "authorization"}
        spoiled = fault in SPOILED
        line = {"n": n, "method": request.method, "path": request.path, "headers": headers, "body": request.body,
                "answer": status, "fault": fault or None, "drawn": 0 if spoiled else len(request.drawn),
                "pictures": [] if spoiled else request.drawn}
        if request.query:
            line["query"] = request.query
        with self.lock:
            self.log.write(json.dumps(line, ensure_ascii=False) + "\n")
            self.log.flush()

    def wait(self):
        """Waits for the time of an image.  Returns False if it was interrupted."""
        return not self.interrupted.wait(self.options.latency) if self.options.latency else not self.interrupted.is_set()

    def wait_alone(self):
        """Waits for the time of an image, for servers that make several images at once: an interrupt has no effect."""
        time.sleep(self.options.latency)

    def picture(self, request, prompt, seed, width, height):
        request.drawn.append({"seed": seed, "flaw": pictures.plan(prompt, seed).flaw})
        return pictures.picture(prompt, seed, width, height)

    @staticmethod
    def spoil(data, fault):
        """Returns the bytes of an image as they are sent."""
        return NOT_AN_IMAGE if fault == "notimage" else data[:len(data) // 2] if fault == "truncated" else data


def take_number(world, request):
    """A handler calls this function after it has checked the request. Faults that need no image end the request
    here."""
    request.fault = world.fault()
    if request.fault in REFUSALS:
        raise Refused(Answer(0, b""))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server_version, sys_version = "drawn-world", ""

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.answer("GET")

    def do_POST(self):
        self.answer("POST")

    def read_body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            parts = []
            while True:
                size = int(self.rfile.readline().split(b";")[0], 16)
                parts.append(self.rfile.read(size))
                self.rfile.readline()
                if not size:
                    return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def answer(self, method):
        world = self.server.world
        parts = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))
        request = Request(method, parts.path, query, dict(self.headers.items()))
        n = world.number()
        raw = self.read_body() if method == "POST" else b""
        found, handler, style = self.server.find(method, parts.path)
        try:
            request.match = found
            if method == "POST" and raw:
                try:
                    request.body = json.loads(raw)
                except ValueError:
                    request.body = raw.decode("utf-8", "replace")
                    raise Refused(style.error(400, "the body is not JSON", "body")) from None
            if any(parts.path.startswith(begin) and world.count(begin) == n for begin, n in world.options.busy):
                raise Refused(Answer(429, {"detail": "Too Many Requests"}, headers={"Retry-After": world.options.retry_after}))
            if world.options.no_api:
                raise Refused(Answer(200, PAGE, "text/html") if parts.path == "/" else Answer(404, {"detail": "Not Found"}))
            if not handler:
                other = any(pattern.fullmatch(parts.path) for _, pattern, _, _ in self.server.routes)
                raise Refused(Answer(405, {"detail": "Method Not Allowed"}) if other else Answer(404, {"detail": "Not Found"}))
            self.admit(world, request, style)
            if raw and self.headers.get_content_type() != "application/json":
                raise Refused(style.error(415, "Content-Type is %s, not application/json" % self.headers.get_content_type(),
                                          "content-type"))
            answer = handler(world, request)
        except Wrong as wrong:
            answer = style.error(422, str(wrong), wrong.name)
        except Refused as refused:
            answer = refused.answer
        # an error of the generator itself is reported to the client and to the user of the generator
        except Exception as error:
            print("generator: %s %s: %r" % (method, self.path, error), file=sys.stderr, flush=True)
            answer = style.error(500, repr(error), "")
        fault = request.fault
        if fault in ("500", "503", "429"):
            answer = style.error(int(fault), "injected fault", "")
            if fault != "500":
                answer.headers["Retry-After"] = world.options.retry_after
        elif fault == "quota":
            answer = Answer(429, {"error": {"message": "You exceeded your current quota, please check your plan and billing details.",
                                            "type": "insufficient_quota", "param": None, "code": "insufficient_quota"}})
        elif fault in ("garbage", "drop"):
            answer = Answer(200, b"<html><body>this is what a proxy says, " + b"at length, " * 400 + b"and it is not JSON</body>")
        elif fault == "failed" and answer.status == 200 and not style.queued:
            answer = style.error(500, "the picture could not be made", "")
        # the line is written before the client gets its response, because a test may read the log at once
        world.write(n, request, 0 if fault in ("timeout", "trickle", "slowhead") else answer.status, fault)
        try:
            if fault == "timeout":
                self.hang()
            elif fault == "slowhead":
                self.drip(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            elif fault == "trickle" or any(parts.path.startswith(p) for p in world.options.trickle):
                self.drip(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
            elif answer.frames:
                self.upgrade(answer)
            else:
                self.send(answer, cut=fault == "drop")
        except OSError:
            self.close_connection = True

    @staticmethod
    def admit(world, request, style):
        given = next((v for k, v in request.headers.items() if k.lower() == "authorization"), "")
        if style.bearer:
            if world.options.key and given != "Bearer " + world.options.key:
                raise Refused(style.error(401, "Incorrect API key provided", ""))
        elif world.options.auth and not style.open:
            if given != "Basic " + base64.b64encode(world.options.auth.encode()).decode():
                answer = style.error(401, "Incorrect username or password", "")
                answer.headers["WWW-Authenticate"] = "Basic"
                raise Refused(answer)
        if style.no_origin and any(k.lower() == "origin" for k in request.headers):
            raise Refused(Answer(403, b"", "text/plain"))

    def hang(self):
        """Never responds.  Ends when the client has disconnected, so that no thread remains."""
        self.close_connection = True
        while True:
            ready, _, _ = select.select([self.connection], [], [], 60)
            if ready and not self.connection.recv(1, socket.MSG_PEEK):
                return
            if ready:
                time.sleep(0.05)  # the client sends more data, which the server does not read

    def drip(self, begin):
        """Sends an endless response in single bytes, until the client disconnects."""
        self.close_connection = True
        self.wfile.write(begin)
        while True:
            self.wfile.write(b" ")
            self.wfile.flush()
            time.sleep(DRIP)

    def upgrade(self, answer):
        self.close_connection = True
        if answer.status != 101:
            self.hang()
            return
        self.send_response(101)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        websocket.serve(self.connection, answer.frames)

    def send(self, answer, cut=False):
        data = answer.data()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.type)
        self.send_header("Content-Length", str(len(data)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data[:len(data) // 2] if cut else data)
        if cut:
            self.wfile.flush()
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, options, port=0):
        from . import protocols
        self.world = World(options)
        self.routes = [(method, re.compile(pattern), handler, style)
                       for style in protocols.start(self.world) for method, pattern, handler in style.routes]
        self.plain = protocols.Style()
        super().__init__(("127.0.0.1", port), Handler)
        self.world.port = self.server_address[1]

    def find(self, method, path):
        for wanted, pattern, handler, style in self.routes:
            found = pattern.fullmatch(path)
            if found and wanted == method:
                return found, handler, style
        return None, None, self.plain

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], (OSError, ValueError)):
            super().handle_error(request, client_address)
