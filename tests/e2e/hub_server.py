# SPDX-License-Identifier: MIT
"""A model hub on loopback, for downloads only. It supports HEAD and GET of a repository's files, large files by a
redirect to a second port (the CDN), ranges, rejected requests, and faults that a test switches on.  Uses only the
standard library.

    hub = Hub(); repo = hub.add("org/name", {"config.json": b"{}"}, lfs={"model.safetensors": b"..."})
    hub.url, hub.log (every request), hub.token_at_cdn (must stay empty), hub.faults (see Faults); hub.close()
"""
import hashlib
import http.server
import socket
import sys
import threading
import urllib.parse


def git_sha1(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class Faults:
    """The faults of the test hub. Most dictionaries have the last part of the request path as key
    ("model.safetensors")."""

    def __init__(self):
        self.cut = {}  # file -> list of byte counts: each GET sends this many bytes, then the connection breaks
        self.status = {}  # file -> list of (code, headers): responses to successive requests
        # file -> bytes that the server sends instead of the right bytes; Content-Length is the length of the sent bytes
        self.wrong = {}
        self.etag = {}  # file -> etag header that the server sends instead of the right one
        # file -> x-linked-size and content-length that the server sends for HEAD instead of the right values
        self.size = {}
        self.commit = None  # x-repo-commit header that the server sends instead of the right one
        self.no_range = False  # the CDN ignores Range
        self.bad_range = False  # the CDN responds with code 206 and another range than the requested one
        self.hang = {}  # file -> seconds in which a GET sends nothing
        self.slow = {}         # file -> seconds between pieces of 16 KiB of a response
        self.trickle = {}      # file -> seconds between single bytes of a response
        self.plain_404 = False  # responses with code 404 have no x-error-code, as from some mirrors
        self.redirect = {}  # file -> Location header of a GET, sent unchanged


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that is killed or stopped closes its connection. Tests kill and stop clients on purpose, so the
        server prints no traceback."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Hub:
    def __init__(self):
        self.repos, self.log, self.token_at_cdn, self.faults = {}, [], [], Faults()
        self.lock = threading.Lock()
        self.closing = threading.Event()
        self.front, self.cdn = self._serve(False), self._serve(True)
        self.url = "http://127.0.0.1:%d" % self.front.server_port
        self.cdn_url = "http://127.0.0.1:%d" % self.cdn.server_port

    def _serve(self, is_cdn):
        server = Server(("127.0.0.1", 0), Handler)
        server.hub, server.is_cdn = self, is_cdn
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return server

    def close(self):
        self.closing.set()
        for server in (self.front, self.cdn):
            server.shutdown()
            server.server_close()

    def add(self, name, files, lfs=None, revision="main", token=None, gated=False, moved_to=None):
        lfs = lfs or {}
        all_files = {**files, **lfs}
        digest = hashlib.sha1()
        for key in sorted(all_files):
            digest.update(key.encode() + b"\0" + all_files[key])
        commit = digest.hexdigest()
        repo = self.repos.setdefault(name, {"revisions": {}, "commits": {}, "token": token, "gated": gated})
        repo["revisions"][revision] = commit
        repo["commits"][commit] = (all_files, set(lfs))
        repo["moved_to"] = moved_to
        return commit

    def requests(self, method=None, contains=""):
        with self.lock:
            return [r for r in self.log if (method is None or r["method"] == method) and contains in r["path"]]

    def forget(self):
        with self.lock:
            self.log.clear()
            self.faults = Faults()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_HEAD(self):
        self.answer()

    def do_GET(self):
        self.answer()

    def reply(self, code, headers=None, body=b""):
        self.send_response(code)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        if "Content-Length" not in (headers or {}):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def answer(self):
        hub = self.server.hub
        path = urllib.parse.urlsplit(self.path).path
        with hub.lock:
            hub.log.append({"cdn": self.server.is_cdn, "method": self.command, "path": self.path,
                            "headers": {k.lower(): v for k, v in self.headers.items()}})
        last = path.rsplit("/", 1)[-1]
        if self.server.is_cdn:
            if "authorization" in self.headers or "cookie" in self.headers:
                hub.token_at_cdn.append(self.path)
            return self.cdn(hub, path)
        planned = hub.faults.status.get(last)
        if planned:
            code, headers = planned.pop(0)
            return self.reply(code, headers, b"not now")
        self.resolve(hub, path, last)

    def resolve(self, hub, path, last):
        parts = path.strip("/").split("/")
        if "resolve" not in parts:
            return self.reply(404, {"X-Error-Code": "RepoNotFound"}, b"nothing here")
        at = parts.index("resolve")
        name, revision, file = "/".join(parts[:at]), urllib.parse.unquote(parts[at + 1]), "/".join(parts[at + 2:])
        repo = hub.repos.get(name)
        token = self.headers.get("authorization")
        plain = hub.faults.plain_404
        if repo is None:
            return self.reply(404 if token or plain else 401, {} if plain else {"X-Error-Code": "RepoNotFound"})
        if repo["moved_to"]:
            return self.reply(307, {"Location": path.replace(name, repo["moved_to"], 1)})
        if repo["token"] and token != "Bearer " + repo["token"]:
            code = 403 if token and repo["gated"] else 401
            return self.reply(code, {"X-Error-Code": "GatedRepo" if repo["gated"] else "RepoNotFound"})
        commit = repo["revisions"].get(revision, revision)
        if commit not in repo["commits"]:
            return self.reply(404, {"X-Error-Code": "RevisionNotFound"})
        files, lfs = repo["commits"][commit]
        shown = hub.faults.commit or commit
        if file not in files:
            return self.reply(404, {} if plain else {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": shown})
        data = files[file]
        size = hub.faults.size.get(last, len(data))
        if file in lfs:
            etag = hashlib.sha256(data).hexdigest()
            location = "%s/signed/%s/%s?Signature=secret-%s" % (hub.cdn_url, etag, file, commit[:8])
            if self.command == "GET":
                location = hub.faults.redirect.get(last, location)
            return self.reply(302, {"X-Repo-Commit": shown, "X-Linked-Size": str(size), "ETag": '"front"',
                                    "X-Linked-Etag": hub.faults.etag.get(last, '"%s"' % etag), "Location": location})
        headers = {"X-Repo-Commit": shown, "ETag": hub.faults.etag.get(last, 'W/"%s"' % git_sha1(data))}
        if self.command == "HEAD":
            return self.reply(200, {**headers, "Content-Length": str(size)})
        self.send_data(hub, last, hub.faults.wrong.get(last, data), headers)

    def cdn(self, hub, path):
        etag, file = path.strip("/").split("/")[1:3]
        if "Signature=secret-" not in self.path:
            return self.reply(403)
        for repo in hub.repos.values():
            for files, lfs in repo["commits"].values():
                for name in lfs:
                    if name == file and hashlib.sha256(files[name]).hexdigest() == etag:
                        return self.send_data(hub, file, hub.faults.wrong.get(file, files[name]), {"ETag": '"cdn"'})
        self.reply(404)

    def send_data(self, hub, file, data, headers):
        start, code = 0, 200
        asked = self.headers.get("range")
        if asked and not hub.faults.no_range:
            start = int(asked.split("=")[1].split("-")[0])
            if start >= len(data):
                return self.reply(416, {"Content-Range": "bytes */%d" % len(data)})
            code = 206
            if hub.faults.bad_range:
                start = 0
            headers = {**headers, "Content-Range": "bytes %d-%d/%d" % (start, len(data) - 1, len(data))}
        if file in hub.faults.hang:
            hub.closing.wait(hub.faults.hang[file])
        cuts = hub.faults.cut.get(file)
        limit = cuts.pop(0) if cuts else None
        body = data[start:]
        pause = hub.faults.slow.get(file, hub.faults.trickle.get(file))
        self.send_response(code)
        for key, value in headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        piece = 1 if file in hub.faults.trickle else 16 << 10
        sent = body if limit is None else body[:limit]
        for i in range(0, len(sent), piece):
            try:
                self.wfile.write(sent[i:i + piece])
            except OSError:
                self.close_connection = True
                return
            if pause and hub.closing.wait(pause):
                return
        if limit is not None:
            self.wfile.flush()
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
