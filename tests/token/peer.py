# SPDX-License-Identifier: BSD-2-Clause
"""kskd's and the signer's side of a worker: starts kskd-token with its control
socket as descriptor 3 and speaks appliance/base/packet.h to it."""
import array
import hashlib
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import time

import cryptoki

BUILD = os.path.abspath(os.environ.get("KSK_BUILD", "build"))

START, READY, LINK, PREPARE, PREPARED, COMMIT, ABORT, STOP = \
    0x00, 0x01, 0x02, 0x04, 0x05, 0x06, 0x08, 0x0a
LOGIN, KEYS_SET, KEYS_FOUND, SIGN, SIGNED = 0x13, 0x30, 0x31, 0x32, 0x33
DONE, REFUSED, FAILED = 0, 1, 2


def block(data):
    if isinstance(data, str):
        data = data.encode()
    return struct.pack(">H", len(data)) + data


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        out = self.data[self.at:self.at + n]
        assert len(out) == n, "packet is cut off"
        self.at += n
        return out

    def number(self, n):
        return int.from_bytes(self.take(n), "big")

    def block(self):
        return self.take(self.number(2))

    def more(self):
        return self.at < len(self.data)


def send(sock, data, fds=()):
    extra = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] \
        if fds else []
    sock.sendmsg([data], extra)


def receive(sock, seconds=60):
    sock.settimeout(seconds)
    data = sock.recv(70000)
    if not data:
        raise EOFError("the worker has closed")
    return int.from_bytes(data[:2], "big"), Reader(data[2:])


def keymap_line(zone, token, record, ident="-", label="-"):
    return (f"ksk {zone} {token} {record[0]} {record[1]} {record[2]} "
            f"{record[3].hex()} {ident} {label}\n")


def audit_line(token, record, ident="-", label="-"):
    return (f"audit . {token} {record[0]} {record[1]} {record[2]} "
            f"{record[3].hex()} {ident} {label}\n")


def temporary(text):
    f = tempfile.TemporaryFile()
    f.write(text.encode())
    f.flush()
    return f


class Worker:
    def __init__(self, store, label, keymap="", pin=b"1234", token="main",
                 module=cryptoki.SOFTHSM, uri=None, sha256=None, user=None,
                 environment=None, paths=None, index=0, program=None,
                 init="", network=False, anchor=False):
        self.index = index
        environment = environment if environment is not None else \
            ["SOFTHSM2_CONF=" + store.conf]
        paths = paths if paths is not None else [(store.tokens, 5)]
        ours, theirs = socket.socketpair(socket.AF_UNIX,
                                         socket.SOCK_SEQPACKET)
        self.control = ours
        self.log = tempfile.TemporaryFile()

        def prepare():
            os.dup2(theirs.fileno(), 3)
            os.set_inheritable(3, True)
            if user is not None:
                os.setgroups([])
                os.setresgid(user, user, user)
                os.setresuid(user, user, user)
        program = program or os.path.join(BUILD, "kskd-token")
        if user is not None:
            program = self.open_to_all(program)
        self.process = subprocess.Popen(
            [program], env={},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=self.log, close_fds=False, preexec_fn=prepare)
        theirs.close()
        body = struct.pack(">HBH", START, 3, index) + block(token)
        body += block(module)
        body += b"\1" + sha256 if sha256 else b"\0"
        body += block(uri or "pkcs11:token=" + label) + block(init)
        body += bytes([network, anchor])
        body += struct.pack(">H", len(environment))
        for line in environment:
            body += block(line)
        body += struct.pack(">H", len(paths))
        for path, access in paths:
            body += block(path) + bytes([access])
        r, w = os.pipe()
        os.write(w, pin)
        os.close(w)
        with temporary(keymap) as f:
            send(ours, body, [r, f.fileno()])
        os.close(r)
        self.link = None

    def login(self):
        """-> (err, why)"""
        nr, body = receive(self.control)
        assert nr == LOGIN, nr
        assert body.number(2) == self.index
        self.state = body.number(1)
        return body.number(1), body.block().decode()

    def ready(self):
        err, why = self.login()
        assert err == 0, why
        nr, _ = receive(self.control)
        assert nr == READY
        return self

    def connect(self, generation=1):
        ours, theirs = socket.socketpair(socket.AF_UNIX,
                                         socket.SOCK_SEQPACKET)
        theirs.setblocking(False)
        old, self.link = self.link, ours
        send(self.control, struct.pack(">HBHI", LINK, 2, self.index,
                                       generation), [theirs.fileno()])
        theirs.close()
        if old is not None:
            old.close()
        return self

    def keys(self, wanted):
        """[(slot, zone, ds, label)] -> {slot: (dnskey, why)}; those that are
        there and forbidden in self.forbidden"""
        out = struct.pack(">H", KEYS_SET)
        for slot, zone, record, label in wanted:
            out += struct.pack(">I", slot) + block(cryptoki.wire(zone))
            out += struct.pack(">HBB", *record[:3]) + record[3] + block(label)
        send(self.link, out)
        nr, body = receive(self.link)
        assert nr == KEYS_FOUND
        found, self.forbidden = {}, set()
        while body.more():
            slot = body.number(4)
            found[slot] = (body.block(), body.block().decode())
            if body.number(1):
                self.forbidden.add(slot)
        assert list(found) == [w[0] for w in wanted]
        return found

    def send_jobs(self, jobs):
        out = struct.pack(">H", SIGN)
        for job in jobs:
            out += job_bytes(**job)
        send(self.link, out)

    def signed(self):
        """-> {job: (outcome, signature, why)}"""
        nr, body = receive(self.link)
        assert nr == SIGNED
        done = {}
        while body.more():
            number = body.number(8)
            done[number] = (body.number(1), body.block(),
                            body.block().decode())
        return done

    def sign(self, **job):
        self.send_jobs([dict(job, job=7)])
        return self.signed()[7]

    def prepare(self, number, keymap):
        with temporary(keymap) as f:
            send(self.control, struct.pack(">HI", PREPARE, number),
                 [f.fileno()])
        nr, body = receive(self.control)
        assert nr == PREPARED and body.number(4) == number
        return body.number(1) == 1, body.block().decode()

    def stop(self):
        send(self.control, struct.pack(">H", STOP))
        return self.wait()

    def wait(self, seconds=30):
        try:
            return self.process.wait(seconds)
        finally:
            self.close()

    def open_to_all(self, program):
        """kskd executes by descriptor; here another user must be able to
        walk to the program."""
        self.copies = tempfile.TemporaryDirectory()
        os.chmod(self.copies.name, 0o711)
        return shutil.copy(program, self.copies.name)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.control.close()
        if self.link is not None:
            self.link.close()
        if not self.log.closed:
            self.saved = self.text()
            self.log.close()

    def text(self):
        """The worker's log."""
        if self.log.closed:
            return self.saved
        self.log.seek(0)
        return self.log.read().decode()


def job_bytes(job, slot, zone, rdatas, window=None, kind=48, ttl=3600,
              revoked=False):
    window = window or default_window()
    out = struct.pack(">QIBQQ", job, slot, revoked, *window)
    out += block(cryptoki.wire(zone)) + struct.pack(">HIH", kind, ttl,
                                                    len(rdatas))
    for rdata in rdatas:
        out += block(rdata)
    return out


def default_window():
    now = int(time.time())
    return now - 3600, now + 14 * 86400


def sha256_of(path):
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).digest()
