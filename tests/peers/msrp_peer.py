"""An MSRP endpoint in Python's standard library, written from RFC 4975 for the tests of this project.

    msrp_peer.py listen             waits for a connection, and says where: `path=...`
    msrp_peer.py connect PATH       connects to PATH

Both send three messages, one whole, one in chunks of seven bytes, and one with what looks like an end-line in it,
write every byte in pieces of odd sizes, answer what they get, report success where it is asked for, and end with a
line of JSON: what was received, which responses and reports came, and what was wrong with any of it.
"""
import json
import os
import re
import socket
import sys
import time

DEADLINE = time.time() + 20


class Stream:
    """Reads messages as RFC 4975 §9 frames them; knows nothing of lengths."""

    def __init__(self, sock):
        self.sock, self.buffer = sock, b""

    def more(self):
        self.sock.settimeout(max(0.1, DEADLINE - time.time()))
        data = self.sock.recv(37)
        if not data:
            raise EOFError
        self.buffer += data

    def message(self):
        while b"\r\n" not in self.buffer:
            self.more()
        start = self.buffer.split(b"\r\n", 1)[0].decode()
        found = re.fullmatch(r"MSRP ([A-Za-z0-9][A-Za-z0-9.\-+%=]{3,31}) (.+)", start)
        assert found, "start line: %r" % start
        tid, what = found.groups()
        end = re.compile(rb"\r\n-------" + re.escape(tid.encode()) + rb"([$+#])\r\n")
        while not end.search(self.buffer):
            self.more()
        match = end.search(self.buffer)
        whole, flag = self.buffer[: match.start()], match.group(1).decode()
        self.buffer = self.buffer[match.end():]
        head, blank, body = whole.partition(b"\r\n\r\n")
        if not blank:
            # The blank line of an empty body is the line end before the end-line.
            head, body = whole, None
        headers = {}
        for line in head.decode().split("\r\n")[1:]:
            name, _, value = line.partition(": ")
            headers[name] = value
        assert list(headers)[:2] == ["To-Path", "From-Path"], "paths come first: %r" % list(headers)
        return tid, what, headers, body, flag


class Peer:
    def __init__(self, sock, local, remote):
        self.sock, self.stream = sock, Stream(sock)
        self.local, self.remote = local, remote
        self.count, self.parts, self.waiting = 0, {}, set()
        self.seen = {"received": [], "responses": [], "reports": [], "wrong": []}

    def write(self, data):
        """In pieces of odd sizes, each a segment of its own."""
        size = 1
        while data:
            self.sock.sendall(data[:size])
            data, size = data[size:], size % 61 + 7

    def send(self, method, headers, body=None, flag="$"):
        self.count += 1
        tid = "py%02dx%s" % (self.count, os.urandom(4).hex())
        lines = ["MSRP %s %s" % (tid, method), "To-Path: " + self.remote, "From-Path: " + self.local]
        lines += ["%s: %s" % field for field in headers]
        data = "\r\n".join(lines).encode() + b"\r\n"
        if body is not None:
            data += b"\r\n" + body + b"\r\n"
        self.write(data + ("-------%s%s\r\n" % (tid, flag)).encode())
        if method == "SEND":
            self.waiting.add(tid)

    def chunk(self, message, body, at, total, flag, success="yes"):
        self.send("SEND", [
            ("Message-ID", message),
            ("Byte-Range", "%d-%d/%s" % (at + 1, at + len(body), total)),
            ("Success-Report", success),
            ("Content-Type", "text/plain"),
        ], body, flag)

    def talk(self):
        whole = b"one piece from python"
        self.chunk("py-whole", whole, 0, len(whole), "$")
        cut = b"in many chunks from python"
        for at in range(0, len(cut), 7):
            last = at + 7 >= len(cut)
            # The size of the whole is not told before the end.
            self.chunk("py-cut", cut[at:at + 7], at, len(cut) if last else "*", "$" if last else "+")
        trap = b"looks like an end\r\n-------py00$\r\nbut is none"
        self.chunk("py-trap", trap, 0, len(trap), "$")

    def answer(self, tid, headers, code):
        lines = ["MSRP %s %s" % (tid, code), "To-Path: " + headers["From-Path"].split(" ")[0],
                 "From-Path: " + headers["To-Path"].split(" ")[0]]
        self.write(("\r\n".join(lines) + "\r\n-------" + tid + "$\r\n").encode())

    def request(self, tid, method, headers, body, flag):
        if method == "REPORT":
            self.seen["reports"].append([headers["Message-ID"], headers["Status"], headers["Byte-Range"]])
            return
        if headers["To-Path"] != self.local or headers["From-Path"].split(" ")[-1] != self.remote.split(" ")[-1]:
            self.seen["wrong"].append("paths of %s: %r" % (tid, headers))
        if headers.get("Failure-Report", "yes") == "yes":
            self.answer(tid, headers, "200 OK")
        if body is None:
            return
        message = headers["Message-ID"]
        start, end, total = re.fullmatch(r"(\d+)-(\d+|\*)/(\d+|\*)", headers["Byte-Range"]).groups()
        have = self.parts.setdefault(message, bytearray())
        if int(start) != len(have) + 1 or (end != "*" and int(end) != len(have) + len(body)):
            self.seen["wrong"].append("range %s after %d bytes" % (headers["Byte-Range"], len(have)))
        have += body
        if flag == "$":
            if total != "*" and int(total) != len(have):
                self.seen["wrong"].append("%d bytes instead of %s" % (len(have), total))
            self.seen["received"].append(bytes(have).decode())
            if headers.get("Success-Report") == "yes":
                self.send("REPORT", [
                    ("Message-ID", message),
                    ("Byte-Range", "1-%d/%d" % (len(have), len(have))),
                    ("Status", "000 200 OK"),
                ])

    def run(self, received, reports):
        self.talk()
        try:
            while (len(self.seen["received"]) < received or len(self.seen["reports"]) < reports
                   or self.waiting) and time.time() < DEADLINE:
                tid, what, headers, body, flag = self.stream.message()
                if re.match(r"\d{3}", what):
                    self.waiting.discard(tid)
                    self.seen["responses"].append(what[:3])
                else:
                    self.request(tid, what, headers, body, flag)
        except (AssertionError, EOFError, KeyError, OSError, AttributeError) as error:
            self.seen["wrong"].append("%s: %s" % (type(error).__name__, error))
        print(json.dumps(self.seen), flush=True)


def main():
    if sys.argv[1] == "listen":
        listener = socket.create_server(("127.0.0.1", 0))
        local = "msrp://127.0.0.1:%d/%s;tcp" % (listener.getsockname()[1], os.urandom(10).hex())
        print("path=" + local, flush=True)
        remote = sys.stdin.readline().strip()
        listener.settimeout(20)
        sock, _ = listener.accept()
    else:
        remote = sys.argv[2]
        host, port = re.match(r"msrp://([^:/]+):(\d+)", remote).groups()
        local = "msrp://127.0.0.1:9/%s;tcp" % os.urandom(10).hex()
        print("path=" + local, flush=True)
        sock = socket.create_connection((host, int(port)))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    peer = Peer(sock, local, remote)
    if sys.argv[1] == "connect":
        peer.send("SEND", [("Message-ID", "py-bind"), ("Byte-Range", "1-0/0")])
    peer.run(3, 3)


main()
