# SPDX-License-Identifier: MIT
"""The server's side of a WebSocket: the handshake and the frames that the server sends."""
import base64
import hashlib
import queue
import select

TEXT, BINARY, PING = 1, 2, 9
CLOSE = object()  # this value in a queue of frames ends the connection


def accept(key):
    """Returns the response to a client's Sec-WebSocket-Key."""
    return base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()


def frame(kind, data, last=True):
    head = bytes([(0x80 if last else 0) | kind])
    size = len(data)
    if size < 126:
        return head + bytes([size]) + data
    if size < 1 << 16:
        return head + bytes([126]) + size.to_bytes(2, "big") + data
    return head + bytes([127]) + size.to_bytes(8, "big") + data


def serve(connection, line):
    """Sends the frames of a queue until the client disconnects, or CLOSE comes.  Frames of the client are ignored,
    because clients send only pongs."""
    while True:
        ready, _, _ = select.select([connection], [], [], 0)
        if ready and not connection.recv(4096):
            return
        try:
            data = line.get(timeout=0.05)
        except queue.Empty:
            continue
        if data is CLOSE:
            return
        connection.sendall(data)
