# SPDX-License-Identifier: MIT
"""Shared by the tests of the server: a catalog with part of the sample, `goldpan explore` on this catalog, and two
clients: one for correct HTTP, one that sends any bytes."""
import http.client
import json
import os
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import tempfile
import time

SOURCE = os.path.abspath(os.environ.get("GOLDPAN_SOURCE", "."))
SAMPLE = os.path.join(SOURCE, "sample", "drawn-world")
MODEL = os.path.join(SOURCE, "models", "drawn-world-mini")
FOLDERS = ("food", "shapes")
MARK = {"X-Goldpan": "1"}
PATIENCE = 60 * int(os.environ.get("GOLDPAN_SLOW", "20"))  # time limit in seconds; it only ends a test that hangs
NONE = 0xFFFFFFFF
KINDS = {"f32": "f", "f64": "d", "u32": "I", "u8": "B", "i8": "b", "code": "I"}

goldpan = None  # path of the command
folder = None  # folder for all files of this test run
pictures = None  # a catalog that no test changes


def environment(**more):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "GOLDPAN_", "DISPLAY", "WAYLAND"))}
    env.update(GOLDPAN_DATA=SOURCE, XDG_CACHE_HOME=os.path.join(folder, "cache"), HOME=os.path.join(folder, "home"))
    env.update(more)
    return env


def run(*words, code=0):
    done = subprocess.run([goldpan, *words], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert done.returncode == code, (words, done.returncode, done.stderr)
    return done


def begin(command):
    global goldpan, folder, pictures
    goldpan = os.path.abspath(command)
    folder = tempfile.mkdtemp(prefix="goldpan-server-")
    os.mkdir(os.path.join(folder, "home"))
    pictures = os.path.join(folder, "pictures")
    os.mkdir(pictures)
    for name in FOLDERS:
        shutil.copytree(os.path.join(SAMPLE, name), os.path.join(pictures, name))
    run("run", pictures, "--model", MODEL, "--no-sheet", "-q")
    # at the usual alpha no slice is significant; with alpha 0.9, goldpan stores some slices with interval and p
    run("slices", pictures, "--alpha", "0.9", "-q")


def end():
    shutil.rmtree(folder, ignore_errors=True)


def copy(name):
    """Copies the catalog and its images for a test that changes them."""
    place = os.path.join(folder, name)
    shutil.copytree(pictures, place)
    with sqlite3.connect(catalog_of(place)) as catalog:
        catalog.execute("UPDATE paths SET path = replace(path, ?, ?)", (pictures + "/", place + "/"))
    return place


def catalog_of(place):
    return os.path.join(place, ".goldpan", "catalog.db")


def sql(place, query, *values):
    with sqlite3.connect("file:%s?mode=ro" % catalog_of(place), uri=True) as catalog:
        return catalog.execute(query, values).fetchall()


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = {k.lower(): v for k, v in response.getheaders()}
        self.body = response.read()

    def json(self):
        return json.loads(self.body)


class Server:
    """Runs goldpan explore until stop()."""

    def __init__(self, place, *options, **env):
        self.place = place
        self.said = ""
        self.process = subprocess.Popen([goldpan, "explore", place, "--no-open", "--port", "0", "--json", *options],
                                        env=environment(**env), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        assert line, self.process.communicate()
        self.url = json.loads(line)["url"]
        self.port = int(self.url.split(":")[2].split("/")[0])
        self.token = self.url.rstrip("/").rsplit("/", 1)[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        code = self.process.poll()
        if code is None:
            code = self.stop()
        self.process.stdout.close()
        self.process.stderr.close()
        # any other exit code is a report of a sanitizer
        assert code in (0, -signal.SIGKILL, -signal.SIGTERM), (code, self.said)

    def stop(self, how=signal.SIGINT):
        self.process.send_signal(how)
        self.said = self.process.stderr.read()
        return self.process.wait(PATIENCE)

    def path(self, address):
        return "/%s/%s" % (self.token, address)

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    def ask(self, method, path, body=None, headers=()):
        """Sends one request on its own connection, to any path."""
        line = self.connect()
        try:
            line.request(method, path, body, dict(headers))
            return Answer(line.getresponse())
        finally:
            line.close()

    def get(self, address, **headers):
        return self.ask("GET", self.path(address), headers={k.replace("_", "-"): v for k, v in headers.items()})

    def post(self, address, body):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        return self.ask("POST", self.path(address), body, MARK)

    def manifest(self):
        return self.get("data/catalog.json").json()

    def raw(self, data, seconds=PATIENCE):
        """Sends the bytes, and returns everything that the server sends until it closes the connection or the time
        is over."""
        with socket.create_connection(("127.0.0.1", self.port)) as line:
            line.settimeout(seconds)
            line.sendall(data)
            return receive(line)

    def column(self, name, manifest=None):
        manifest = manifest or self.manifest()
        found = next(c for c in manifest["columns"] if c["name"] == name)
        data = self.get(found["file"]).body
        if found["type"] == "hash":
            return [data[i:i + 16].hex() for i in range(0, len(data), 16)]
        if found["type"] == "text":
            return texts(data)
        values = struct.unpack("<%d%s" % (manifest["count"], KINDS[found["type"]]), data)
        if found["type"] != "code":
            return list(values)
        words = texts(self.get(found["words"]).body)
        return [None if v == NONE else words[v] for v in values]


def receive(line):
    got = b""
    try:
        while True:
            piece = line.recv(65536)
            if not piece:
                return got
            got += piece
    except (TimeoutError, ConnectionResetError):
        return got


def texts(table):
    count, = struct.unpack_from("<I", table)
    at = struct.unpack_from("<%dI" % (count + 1), table, 4)
    body = table[4 * (count + 2):]
    assert at[0] == 0 and at[-1] == len(body)
    return [body[a:b].decode() for a, b in zip(at, at[1:])]


def until(test, why, seconds=PATIENCE):
    end_of_time = time.time() + seconds
    while time.time() < end_of_time:
        found = test()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(why)


class Events:
    """Reads server-sent events."""

    def __init__(self, server, revision=None, **headers):
        self.line = server.connect()
        address = "events" if revision is None else "events?r=%d" % revision
        self.line.request("GET", server.path(address), headers={k.replace("_", "-"): v for k, v in headers.items()})
        self.response = self.line.getresponse()
        assert self.response.status == 200

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.line.close()

    def next(self):
        """Returns (name, data, id) of the next event; skips comments."""
        name, data, number = None, None, None
        while True:
            line = self.response.readline().decode().rstrip("\n")
            if line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                data = json.loads(line[6:])
            elif line.startswith("id: "):
                number = int(line[4:])
            elif not line and name:
                return name, data, number
