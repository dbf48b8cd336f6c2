#!/usr/bin/python3
"""A stand-in for each of kskd's children, for test_supervisor.py. It speaks
the control socket's packets (appliance/base/packet.h, start.h), appends what
it sees to the file `events` beside it, and does what `plan.json` says. It
shares no code with the product.
"""
import fcntl
import json
import os
import select
import socket
import struct
import sys
import time

START, READY, LINK, PREPARE, PREPARED, COMMIT, ABORT, STOP, DEAD, \
    TOKEN_STATE, OVERDUE, LOGIN, STATE = \
    0, 1, 2, 4, 5, 6, 8, 0xa, 0xc, 0xe, 0x11, 0x13, 0x15
NAMES = {START: "start", LINK: "link", PREPARE: "prepare", COMMIT: "commit",
         ABORT: "abort", STOP: "stop", DEAD: "dead",
         TOKEN_STATE: "token-state"}
FOLDER = os.path.dirname(os.path.abspath(sys.argv[0]))
PROGRAM = sys.argv[1]


def plan():
    """What the test wants of this program, and of this worker."""
    with open(os.path.join(FOLDER, "plan.json"), encoding="utf-8") as f:
        return json.load(f)


def note(event, **more):
    line = json.dumps({"event": event, "program": PROGRAM, "pid": os.getpid(),
                       "time": time.monotonic(), **more}) + "\n"
    fd = os.open(os.path.join(FOLDER, "events"), os.O_WRONLY | os.O_APPEND)
    os.write(fd, line.encode())
    os.close(fd)


def status():
    """Rights of this process, as the kernel has them."""
    with open("/proc/self/status", encoding="utf-8") as f:
        lines = dict(x.rstrip("\n").split(":\t", 1) for x in f if ":\t" in x)
    return {"caps": lines["CapEff"], "permitted": lines["CapPrm"],
            "no_new_privs": lines["NoNewPrivs"], "uid": lines["Uid"],
            "groups": lines["Groups"].strip(), "blocked": lines["SigBlk"]}


class Reader:
    def __init__(self, data):
        self.data = data

    def take(self, n):
        head, self.data = self.data[:n], self.data[n:]
        assert len(head) == n
        return head

    def num(self, form):
        return struct.unpack(">" + form, self.take(struct.calcsize(form)))[0]

    def text(self):
        return self.take(self.num("H")).decode()


def text(value):
    raw = value.encode()
    return struct.pack(">H", len(raw)) + raw


def slice_of(body):
    r = Reader(body)
    kind = r.num("B")
    if kind == 1:
        return {"limits": [r.num("I") for _ in range(5)]}
    if kind == 2:
        return {"appliance": r.take(16).hex(), "journal": r.text(),
                "job_ms": r.num("I"), "reserve": r.num("Q"),
                "tokens": [r.text() for _ in range(r.num("H"))],
                "workers": [r.num("H") for _ in range(r.num("H"))],
                "need_sync": r.num("B"), "anchor": r.num("H")}
    out = {"index": r.num("H"), "token": r.text(), "module": r.text()}
    out["sha256"] = r.take(32).hex() if r.num("B") else None
    out.update(uri=r.text(), init=r.text(), network=r.num("B"), anchor=r.num("B"))
    out["environment"] = [r.text() for _ in range(r.num("H"))]
    out["paths"] = [[r.text(), r.num("B")] for _ in range(r.num("H"))]
    return out


def content(fd):
    """The bytes behind a passed descriptor, from where it stands."""
    out = b""
    while True:
        part = os.read(fd, 65536)
        if not part:
            return out.decode("utf-8", "replace")
        out += part


class Child:
    def __init__(self):
        self.sock = socket.socket(fileno=3)
        self.links = []
        self.index = 0

    def send(self, number, body=b""):
        self.sock.send(struct.pack(">H", number) + body)

    def receive(self):
        data, fds, _, _ = socket.recv_fds(self.sock, 70000, 4)
        if not data:
            os._exit(0)
        return struct.unpack(">H", data[:2])[0], data[2:], fds

    def begin(self):
        inherited = sorted(int(x) for x in os.listdir("/proc/self/fd"))
        select.select([self.sock], [], [], 10)
        number, body, fds = self.receive()
        assert number == START
        seen = slice_of(body)
        self.index = seen.get("index", 0)
        how = plan().get(PROGRAM, {})
        mode = how.get(str(self.index), how.get("start", "ok"))
        # The listing itself had one more open.
        note("start", slice=seen, env=dict(os.environ), argc=sys.argv[2],
             fds=inherited[:-1] if len(inherited) > 4 else inherited,
             passed=len(fds), status=status())
        if mode == "exit-early":
            os._exit(how.get("code", 1))
        if PROGRAM == "kskd-token":
            self.log_in(mode, fds)
        elif PROGRAM == "kskd-frontend":
            note("files", key=content(fds[1]), certificate=content(fds[2]),
                 listening=socket.socket(fileno=os.dup(fds[0])).getsockname())
        else:
            note("files", table=content(fds[0]), accept=content(fds[1]))
        if mode == "slow":
            time.sleep(how.get("seconds", 1))
        if mode == "mute":
            time.sleep(60)
        self.send(READY)
        note("ready", index=self.index)

    def log_in(self, mode, fds):
        if mode == "die-before-pin":
            os._exit(1)
        pin = content(fds[0])
        note("try", index=self.index, pin=pin, keymap=content(fds[1]))
        if mode == "die-after-pin":
            os._exit(1)
        if mode == "think":
            time.sleep(plan()[PROGRAM]["seconds"])
        if mode.startswith("gate-"):
            while not os.path.exists(os.path.join(FOLDER, "gate")):
                time.sleep(0.01)
            mode = mode[len("gate-"):]
        if mode == "die":
            os._exit(1)
        err = {"wrong": 16, "locked": 17, "token": 18, "unfit": 14}.get(
            mode, 0)
        state = {16: 2, 17: 2, 18: 1, 14: 2}.get(err, 0)
        why = {0: "", 18: "the token is unplugged"}.get(err, "")
        self.send(LOGIN, struct.pack(">HBB", self.index, state, err) +
                  text(why))
        if err:
            os._exit({16: 10, 17: 11, 18: 9, 14: 12}[err])

    def prepared(self, number, fds):
        how = plan().get(PROGRAM, {}).get("prepare", "ok")
        note("prepare", number=number, files=[content(x) for x in fds])
        if how == "die":
            os._exit(1)
        if how == "silent":
            return
        good = how == "ok"
        self.send(PREPARED, struct.pack(">IB", number, good) +
                  text("" if good else how))

    def take(self):
        number, body, fds = self.receive()
        r = Reader(body)
        if number == LINK:
            edge, index, generation = struct.unpack(">BHI", body)
            self.links += fds
            note("link", edge=edge, index=index, generation=generation,
                 me=self.index)
        elif number == PREPARE:
            self.prepared(r.num("I"), fds)
        elif number in (COMMIT, ABORT):
            note(NAMES[number], number=r.num("I"))
        elif number == DEAD:
            note("dead", index=r.num("H"), generation=r.num("I"))
        elif number == TOKEN_STATE:
            note("token-state", index=r.num("H"), state=r.num("B"),
                 err=r.num("B"), why=r.text())
        elif number == STOP:
            note("stop", index=self.index)
            if plan().get(PROGRAM, {}).get("stop") != "ignore":
                os._exit(0)
        else:
            note("odd", number=number)

    def obey(self):
        """Sends the packet that the test has left for this process."""
        order = os.path.join(FOLDER, f"send.{os.getpid()}")
        if not os.path.exists(order):
            return
        with open(order, encoding="ascii") as f:
            packet = bytes.fromhex(f.read().strip())
        os.unlink(order)
        self.sock.send(packet)

    def run(self):
        self.begin()
        while True:
            ready, _, _ = select.select([self.sock], [], [], 0.02)
            if ready:
                self.take()
            self.obey()


def policy():
    """Stands in for kskd-policy: a text that holds BAD is wrong."""
    start = os.read(0, 100)
    body = content(3)
    note("policy", start=len(start), text=body, env=dict(os.environ),
         status=status())
    if "SLOW" in body:
        time.sleep(0.5)
    if "BAD" in body:
        os.write(5, b"line 1, column 1: BAD: write something good\n"
                    b"line 2, column 1: worse\n")
        os._exit(4)
    os.write(4, b"table of " + body.encode())
    if "UNSEALED" not in body:
        fcntl.fcntl(4, 1033, 15)  # F_ADD_SEALS, all four
    os._exit(0)


if __name__ == "__main__":
    if PROGRAM == "kskd-policy":
        policy()
    Child().run()
