#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""kskd-frontend alone, from all its sides.

The test is kskd (control socket), the signer (link) and the clients (TLS).
The program under test is $KSK_BUILD/kskd-frontend, default build/.
"""

import contextlib
import hashlib
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("KSK_BUILD", "build"))
PROGRAM = (BUILD if BUILD.is_absolute() else TOP / BUILD) / "kskd-frontend"
# Read by tests/run.py: this file runs against the sanitized build too.
SANITIZED = True
IS_SANITIZED = PROGRAM.exists() and b"__asan_init" in PROGRAM.read_bytes()

# appliance/base/packet.h, start.h
CTL_START, CTL_READY, CTL_LINK = 0x00, 0x01, 0x02
CTL_PREPARE, CTL_PREPARED, CTL_COMMIT, CTL_ABORT = 0x04, 0x05, 0x06, 0x08
CTL_STOP = 0x0A
LNK_REQUESTS, LNK_REPLIES, LNK_PINS = 0x20, 0x21, 0x23
KIND_FRONTEND = 1
EDGE_FRONTEND_SIGNER = 1
PACKET_MAX = 66 * 1024
CREDIT_REQUESTS, CREDIT_BYTES = 256, 1024 * 1024
PER_CONNECTION = 64
EXIT_OK, EXIT_USAGE, EXIT_TLS, EXIT_PEER = 0, 2, 5, 15

MALFORMED = bytes.fromhex("a201000201")
TOO_LARGE = bytes.fromhex("a201000207")

# What the machine may take for anything that should be instant.
SOON = 10.0
# Of a machine that does other things too.
SLOW = 10 if IS_SANITIZED else 3


# ---- certificates ----


class Identity:
    """A key with a certificate that anybody could have made."""

    def __init__(self, folder, name, subject):
        self.key = folder / f"{name}.key"
        self.cert = folder / f"{name}.crt"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
             subject, "-keyout", self.key, "-out", self.cert],
            check=True, capture_output=True)
        self.pin = pin_of(self.cert)

    def variant(self, name, change):
        """The same key with a certificate whose bytes are changed. Nobody
        checks its signature: only the key counts."""
        other = object.__new__(Identity)
        other.key = self.key
        other.cert = self.cert.with_name(f"{name}.crt")
        der = ssl.PEM_cert_to_DER_cert(self.cert.read_text())
        changed = change(der)
        assert changed != der and len(changed) == len(der)
        other.cert.write_text(ssl.DER_cert_to_PEM_cert(changed))
        other.pin = self.pin
        return other

    def der(self):
        return ssl.PEM_cert_to_DER_cert(self.cert.read_text())


def pin_of(cert):
    pem = subprocess.run(["openssl", "x509", "-in", cert, "-noout", "-pubkey"],
                         check=True, capture_output=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"],
                         input=pem, check=True, capture_output=True).stdout
    return hashlib.sha256(der).digest()


def with_dates(not_before, not_after):
    """Replaces the two UTCTime values (RFC 5280 4.1.2.5.1)."""

    def change(der):
        times = list(re.finditer(rb"\x17\x0d(\d{12}Z)", der))
        assert len(times) == 2
        out = bytearray(der)
        for match, value in zip(times, (not_before, not_after)):
            out[match.start(1):match.end(1)] = value.encode()
        return bytes(out)

    return change


# ---- the program and its parents ----


class Frontend:
    """kskd's side and the signer's side of one running frontend."""

    def __init__(self, folder, server, pins=(), connections=600,
                 per_address=600, handshake_ms=5000, idle_ms=600000,
                 frame_ms=10000, link=True, ready=True):
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=folder))
        self.log_path = self.folder / "log"
        self.generation = 0
        self.status = None
        self.link = None
        self.buffered = []
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen(4096)
        listener.setblocking(False)
        self.port = listener.getsockname()[1]
        self.spawn()
        start = struct.pack(">HBIIIII", CTL_START, KIND_FRONTEND, connections,
                            per_address, handshake_ms, idle_ms, frame_ms)
        with open(server.key, "rb") as key, open(server.cert, "rb") as cert:
            socket.send_fds(self.control, [start], [listener.fileno(),
                                                    key.fileno(),
                                                    cert.fileno()])
        listener.close()
        if not ready:
            return
        packet = self.control.recv(PACKET_MAX)
        assert packet == struct.pack(">H", CTL_READY), packet
        if link:
            self.new_link()
        if pins is not None:
            self.pins(pins)

    def spawn(self):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(SOON)
        self.control = ours
        null = os.open("/dev/null", os.O_RDWR)
        log = os.open(self.log_path, os.O_WRONLY | os.O_CREAT, 0o600)
        # A number above 3, so that the copy to 3 is a real one and inherited.
        high = [os.dup(fd) for fd in (null, log, theirs.fileno())]
        self.pid = os.posix_spawn(
            PROGRAM, [str(PROGRAM)], {},
            file_actions=[(os.POSIX_SPAWN_DUP2, high[0], 0),
                          (os.POSIX_SPAWN_DUP2, high[0], 1),
                          (os.POSIX_SPAWN_DUP2, high[1], 2),
                          (os.POSIX_SPAWN_DUP2, high[2], 3)])
        for fd in high + [null, log]:
            os.close(fd)
        theirs.close()

    def new_link(self):
        self.close_link()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.generation += 1
        self.order_link(theirs, self.generation)
        theirs.close()
        self.link = ours

    def order_link(self, end, generation):
        packet = struct.pack(">HBHI", CTL_LINK, EDGE_FRONTEND_SIGNER, 0,
                             generation)
        socket.send_fds(self.control, [packet], [end.fileno()])

    def close_link(self):
        if self.link is not None:
            self.link.close()
            self.link = None
        self.buffered = []

    def pins(self, pins):
        self.link.settimeout(SOON)
        self.link.send(struct.pack(">H", LNK_PINS) + b"".join(pins))

    def requests(self, count, timeout=SOON):
        """The next `count` requests, or as many as come in time: list of
        (conn, pin, frame)."""
        until = time.monotonic() + timeout
        while len(self.buffered) < count:
            left = until - time.monotonic()
            if left <= 0:
                break
            self.link.settimeout(left)
            try:
                packet = self.link.recv(PACKET_MAX + 1)
            except TimeoutError:
                break
            assert 0 < len(packet) <= PACKET_MAX
            self.buffered += parse_requests(packet)
        out, self.buffered = self.buffered[:count], self.buffered[count:]
        return out

    def reply(self, *items):
        """Each item: (conn, frame) or (conn, frame, close)."""
        packet = struct.pack(">H", LNK_REPLIES)
        for conn, frame, *close in items:
            packet += struct.pack(">QBH", conn, bool(close and close[0]),
                                  len(frame)) + frame
        self.link.settimeout(SOON)
        self.link.send(packet)

    def prepare(self, number, key, cert):
        with open(key, "rb") as k, open(cert, "rb") as c:
            socket.send_fds(self.control,
                            [struct.pack(">HI", CTL_PREPARE, number)],
                            [k.fileno(), c.fileno()])
        packet = self.control.recv(PACKET_MAX)
        nr, got, ok, length = struct.unpack(">HIBH", packet[:9])
        assert nr == CTL_PREPARED and got == number
        assert len(packet) == 9 + length
        return bool(ok), packet[9:].decode()

    def order(self, nr, number):
        self.control.send(struct.pack(">HI", nr, number))

    def stop(self):
        self.control.send(struct.pack(">H", CTL_STOP))

    def wait(self, timeout=SOON):
        """The exit status, None while it runs."""
        until = time.monotonic() + timeout
        while self.status is None and time.monotonic() < until:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid != 0:
                self.status = os.waitstatus_to_exitcode(status)
                break
            time.sleep(0.005)
        return self.status

    def log(self):
        return self.log_path.read_text()

    def log_with(self, words, timeout=SOON):
        """The log's lines that hold these words, once there are any."""
        until = time.monotonic() + timeout
        while True:
            lines = [l for l in self.log().splitlines() if words in l]
            if lines or time.monotonic() > until:
                return lines
            time.sleep(0.01)

    def rss(self):
        text = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", text).group(1)) * 1024

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def end(self):
        """Ends the program and returns how it ended."""
        self.close_link()  # nobody waits for an answer
        if self.wait(0) is None:
            self.stop()
        status = self.wait()
        if status is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()
        self.control.close()
        return status


def parse_requests(packet):
    assert packet[:2] == struct.pack(">H", LNK_REQUESTS), packet[:2]
    out, at = [], 2
    while at < len(packet):
        conn, pin, length = struct.unpack_from(">Q32sH", packet, at)
        at += 42
        assert 0 < length and at + length <= len(packet)
        out.append((conn, pin, packet[at:at + length]))
        at += length
    return out


class Echo(threading.Thread):
    """A signer that answers every request with the request."""

    def __init__(self, frontend):
        super().__init__(daemon=True)
        self.link = frontend.link
        self.link.settimeout(0.2)
        self.over = False
        self.start()

    def run(self):
        while not self.over:
            try:
                packet = self.link.recv(PACKET_MAX)
            except TimeoutError:
                continue
            if packet == b"":
                return
            out = struct.pack(">H", LNK_REPLIES)
            for conn, _, frame in parse_requests(packet):
                item = struct.pack(">QBH", conn, 0, len(frame)) + frame
                if len(out) + len(item) > PACKET_MAX:
                    self.link.send(out)
                    out = struct.pack(">H", LNK_REPLIES)
                out += item
            self.link.send(out)

    def end(self):
        self.over = True
        self.join()


# ---- clients ----


class Client:
    """A TLS connection, made as PROTOCOL.md says unless told otherwise."""

    def __init__(self, frontend, identity, alpn=("ksk/1",), version=None,
                 source=None, rcvbuf=None, timeout=SOON, ciphers=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if ciphers:
            context.set_ciphers(ciphers)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if version is not None:
            context.maximum_version = version
            context.minimum_version = version
        if alpn:
            context.set_alpn_protocols(list(alpn))
        if identity is not None:
            context.load_cert_chain(identity.cert, identity.key)
        raw = plain(frontend, source, rcvbuf, timeout)
        try:
            self.tls = context.wrap_socket(raw)
        except BaseException:
            raw.close()
            raise

    def send(self, *frames):
        self.tls.sendall(b"".join(framed(f) for f in frames))

    def raw(self, data):
        self.tls.sendall(data)

    def recv_exact(self, count):
        out = b""
        while len(out) < count:
            part = self.tls.recv(count - len(out))
            if part == b"":
                raise EOFError(f"end after {len(out)} of {count} bytes")
            out += part
        return out

    def recv(self):
        (length,) = struct.unpack(">I", self.recv_exact(4))
        return self.recv_exact(length)

    def at_end(self):
        """True if the other side says goodbye as TLS demands."""
        return self.tls.recv(1) == b""

    def close(self):
        self.tls.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def plain(frontend, source=None, rcvbuf=None, timeout=SOON):
    raw = socket.socket()
    if rcvbuf is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
    raw.settimeout(timeout)
    if source is not None:
        raw.bind((source, 0))
    raw.connect(("127.0.0.1", frontend.port))
    return raw


def framed(message):
    return struct.pack(">I", len(message)) + message


def closed_within(raw, seconds):
    """How long until the other side closes a plain connection, or None."""
    begin = time.monotonic()
    raw.settimeout(seconds)
    try:
        while raw.recv(4096):
            pass
    except TimeoutError:
        return None
    except ConnectionError:
        pass
    return time.monotonic() - begin


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="ksk-frontend-"))
        cls.server = Identity(cls.folder, "server", "/CN=appliance")
        cls.alice = Identity(cls.folder, "alice", "/CN=alice")
        cls.bob = Identity(cls.folder, "bob", "/CN=bob")

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    @contextlib.contextmanager
    def frontend(self, exit_status=EXIT_OK, **options):
        """A running frontend that must end with this status."""
        options.setdefault("pins", [self.alice.pin])
        f = Frontend(self.folder, self.server, **options)
        try:
            yield f
        except BaseException:
            f.end()
            print(f.log())
            raise
        self.assertEqual(f.end(), exit_status, f.log())

    def exchange(self, f, client, message=b"\xa0"):
        client.send(message)
        ((conn, _, frame),) = f.requests(1)
        self.assertEqual(frame, message)
        f.reply((conn, b"re:" + message))
        self.assertEqual(client.recv(), b"re:" + message)
        return conn

    def refused(self, f, identity, alert, reason, **options):
        """A handshake that must fail with this alert and this log line. In
        TLS 1.3 a client learns of it with its first read."""
        with self.assertRaises(ssl.SSLError) as caught:
            with Client(f, identity, **options) as c:
                c.send(b"hello")
                c.recv()
        text = str(caught.exception).lower().replace("_", " ")
        self.assertIn(alert, text)
        lines = f.log_with(f'reason="{reason}"')
        self.assertTrue(lines, f.log())
        return lines


class Handshake(Case):
    def test_enrolled_pin(self):
        with self.frontend() as f, Client(f, self.alice) as c:
            self.assertEqual(c.tls.version(), "TLSv1.3")
            self.assertEqual(c.tls.selected_alpn_protocol(), "ksk/1")
            c.send(b"\x01")
            ((_, pin, frame),) = requests = f.requests(1)
            self.assertEqual((pin, frame), (self.alice.pin, b"\x01"))
            f.reply((requests[0][0], b"\x02"))
            self.assertEqual(c.recv(), b"\x02")

    def test_unknown_pin(self):
        with self.frontend() as f:
            (line, *_) = self.refused(f, self.bob, "certificate unknown",
                                      "pin-unknown")
            self.assertIn(self.bob.pin.hex(), line)
            self.assertIn("bob", line)
            self.assertEqual(f.requests(1, 0.1), [])

    def test_expired(self):
        old = self.alice.variant(
            "expired", with_dates("200101000000Z", "210101000000Z"))
        with self.frontend() as f:
            (line, *_) = self.refused(f, old, "certificate expired", "expired")
            self.assertIn("2021", line)

    def test_not_yet_valid(self):
        early = self.alice.variant(
            "early", with_dates("480101000000Z", "490101000000Z"))
        with self.frontend() as f:
            self.refused(f, early, "bad certificate", "not-yet-valid")

    def test_unreadable_dates(self):
        odd = self.alice.variant(
            "odd", with_dates("209901000000Z", "999999999999Z"))
        with self.frontend() as f:
            self.refused(f, odd, "bad certificate", "bad-dates")

    def test_expired_stranger_learns_nothing(self):
        old = self.bob.variant(
            "old-bob", with_dates("200101000000Z", "210101000000Z"))
        with self.frontend() as f:
            self.refused(f, old, "certificate unknown", "pin-unknown")

    def test_no_certificate(self):
        with self.frontend() as f:
            self.refused(f, None, "certificate required", "no-certificate")

    def test_other_alpn(self):
        with self.frontend() as f:
            self.refused(f, self.alice, "no application protocol", "alpn",
                         alpn=("http/1.1", "ksk/2"))

    def test_no_alpn(self):
        with self.frontend() as f:
            self.refused(f, self.alice, "no application protocol", "alpn",
                         alpn=())

    def test_alpn_among_others(self):
        with self.frontend() as f:
            with Client(f, self.alice, alpn=("h2", "ksk/1")) as c:
                self.exchange(f, c)

    def test_tls_1_2(self):
        with self.frontend() as f:
            self.refused(f, self.alice, "protocol version", "tls-version",
                         version=ssl.TLSVersion.TLSv1_2)
            self.refused(f, self.alice, "protocol version", "tls-version",
                         version=ssl.TLSVersion.TLSv1_2, alpn=())

    def test_no_ticket(self):
        """No ticket: no resumption, and nothing that early data could be
        sent under (C38)."""
        with self.frontend() as f, Client(f, self.alice) as c:
            self.exchange(f, c)
            self.assertFalse(c.tls.session.has_ticket)
        with self.frontend() as f:
            out = self.s_client(f)
            self.assertIn("CertificateVerify", out)
            self.assertNotIn("NewSessionTicket", out)
            self.assertIn("New, TLSv1.3", out)

    def s_client(self, f):
        run = subprocess.Popen(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{f.port}",
             "-alpn", "ksk/1", "-cert", self.alice.cert, "-key",
             self.alice.key, "-msg"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)
        run.stdin.write(framed(b"one"))
        run.stdin.flush()
        ((conn, _, _),) = f.requests(1)
        f.reply((conn, b"two", True))
        return run.communicate(timeout=SOON)[0].decode(errors="replace")

    def test_before_first_pins(self):
        """Newcomers wait in the kernel's queue as long as a handshake may
        take, then they fail with an alert that does not blame them."""
        with self.frontend(pins=None, handshake_ms=300) as f:
            self.refused(f, self.alice, "internal error", "no-pins")
            f.pins([self.alice.pin])
            time.sleep(0.1)
            with Client(f, self.alice) as c:
                self.exchange(f, c)

    def test_waits_for_first_pins(self):
        with self.frontend(pins=None) as f:
            threading.Timer(0.3, f.pins, ([self.alice.pin],)).start()
            with Client(f, self.alice) as c:
                self.exchange(f, c)
            self.assertNotIn("no-pins", f.log())

    def test_empty_list(self):
        with self.frontend(pins=[]) as f:
            self.refused(f, self.alice, "certificate unknown", "pin-unknown")

    def test_full_list(self):
        pins = [os.urandom(32) for _ in range(1023)] + [self.alice.pin]
        with self.frontend(pins=pins) as f, Client(f, self.alice) as c:
            self.exchange(f, c)

    def test_garbage_instead_of_tls(self):
        garbage = [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x00" * 300,
                   b"\xff" * 300, os.urandom(3000), b"\x80\x2e\x01\x00\x02",
                   b"\x16\x03\x01\xff\xff" + b"\x01" * 500,
                   b"\x16\x03\x01\x00\x05\x01\xff\xff\xff\x00",
                   b"\x15\x03\x03\x00\x02\x02\x28", b"\x16", b""]
        with self.frontend(handshake_ms=700) as f:
            for data in garbage:
                with plain(f) as raw:
                    raw.sendall(data)
                    self.assertIsNotNone(closed_within(raw, SOON), data)
            with Client(f, self.alice) as c:
                self.exchange(f, c)
            self.assertTrue(f.log_with('reason="not-tls"'))
            self.assertEqual(f.requests(1, 0.1), [])

    def test_cut_client_hello(self):
        """Every cut of a real ClientHello, closed and reset (C38)."""
        hello = client_hello()
        with self.frontend() as f:
            for at in range(0, len(hello), 7):
                for linger in (None, struct.pack("ii", 1, 0)):
                    with plain(f) as raw:
                        raw.sendall(hello[:at])
                        if linger:
                            raw.setsockopt(socket.SOL_SOCKET,
                                           socket.SO_LINGER, linger)
            with Client(f, self.alice) as c:
                self.exchange(f, c)


def client_hello():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["ksk/1"])
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing)
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()




class Identities(Case):
    """Who is this client (C36): its key, whatever its certificate says."""

    def test_same_name_other_key(self):
        twin = Identity(self.folder, "twin", "/CN=alice")
        with self.frontend() as f:
            self.refused(f, twin, "certificate unknown", "pin-unknown")

    def test_names_and_usages_do_not_count(self):
        for name, subject, extensions in (
                ("san-only", "/O=Lab", ["subjectAltName=DNS:a.lab.example"]),
                ("two-cn", "/CN=provider-b/CN=provider-a", []),
                ("server-eku", "/CN=provider-a",
                 ["extendedKeyUsage=serverAuth"]),
                ("wildcard", "/CN=x", ["subjectAltName=DNS:*.lab.example"])):
            with self.subTest(name):
                one = self.make(name, subject, extensions)
                other = self.make(name + "-other", subject, extensions)
                with self.frontend(pins=[one.pin]) as f:
                    with Client(f, one) as c:
                        c.send(b"\x01")
                        ((_, pin, _),) = f.requests(1)
                        self.assertEqual(pin, one.pin)
                    self.refused(f, other, "certificate unknown",
                                 "pin-unknown")

    def test_weak_keys(self):
        """Pinned or not: whoever can compute the key is the client."""
        for kind, used in ((("rsa", "rsa_keygen_bits:1024"), False),
                           (("rsa", "rsa_keygen_bits:2048"), True),
                           (("ec", "ec_paramgen_curve:P-384"), True)):
            with self.subTest(kind):
                one = Identity(self.folder, "kind", "/CN=kind")
                subprocess.run(
                    ["openssl", "req", "-x509", "-newkey", kind[0],
                     "-pkeyopt", kind[1], "-nodes", "-subj", "/CN=kind",
                     "-days", "30", "-keyout", one.key, "-out", one.cert],
                    check=True, capture_output=True)
                one.pin = pin_of(one.cert)
                lax = {"ciphers": "ALL:@SECLEVEL=0"}
                with self.frontend(pins=[one.pin]) as f:
                    if used:
                        with Client(f, one, **lax) as c:
                            self.exchange(f, c)
                    else:
                        self.refused(f, one, "", "key-kind", **lax)

    def make(self, name, subject, extensions):
        out = Identity(self.folder, name, subject)
        argv = ["openssl", "req", "-x509", "-key", out.key, "-days", "30",
                "-subj", subject, "-out", out.cert]
        for extension in extensions:
            argv += ["-addext", extension]
        subprocess.run(argv, check=True, capture_output=True)
        return out

    def test_hostile_names_are_escaped(self):
        mallory = Identity(self.folder, "mallory", "/CN=0123456789abcdefghij")
        for name, evil in (
                ("nul", b"alice\x00.evil.example.."),
                ("newline", b"x\nkskd-frontend: info a"),
                ("control", b"\x1b[2J\x07\r\x7f\xc2\x80\xc2\x9b\"\\=aaaa"),
                ("format", b"%s%n%x\xc3\xa4\xe2\x80\xae%%%%%%%%")):
            evil = evil[:20].ljust(20, b".")
            with self.subTest(name):
                forged = mallory.variant(
                    f"mallory-{name}",
                    lambda der: der.replace(b"0123456789abcdefghij", evil))
                with self.frontend() as f:
                    (line, *_) = self.refused(
                        f, forged, "certificate unknown", "pin-unknown")
                    self.assertIn(mallory.pin.hex(), line)
                    raw = f.log_path.read_bytes()
                    self.assertRegex(raw, rb"^[\x20-\x7e\n]*$")
                    self.assertEqual(raw.count(b"\n"), 1)

    def test_long_name_is_cut(self):
        parts = "".join(f"/OU={i:02d}{'x' * 60}" for i in range(60))
        long = Identity(self.folder, "long", parts)
        with self.frontend() as f:
            (line, *_) = self.refused(f, long, "certificate unknown",
                                      "pin-unknown")
            self.assertLess(len(line), 1000)

    def test_too_large_certificate(self):
        parts = "".join(f"/OU={i:03d}{'x' * 60}" for i in range(300))
        huge = Identity(self.folder, "huge", parts)
        with self.frontend(pins=[huge.pin, self.alice.pin]) as f:
            with self.assertRaises((ssl.SSLError, ConnectionError)):
                with Client(f, huge) as c:
                    c.send(b"x")
                    c.recv()
            self.assertTrue(f.log_with('reason="broken"'))
            with Client(f, self.alice) as c:
                self.exchange(f, c)


class Pins(Case):
    def test_removed_pin_closes_live_connection(self):
        with self.frontend(pins=[self.alice.pin, self.bob.pin]) as f:
            with Client(f, self.alice) as a, Client(f, self.bob) as b:
                self.exchange(f, a)
                self.exchange(f, b)
                f.pins([self.alice.pin])
                begin = time.monotonic()
                self.assertTrue(b.at_end())
                self.assertLess(time.monotonic() - begin, SLOW)
                self.exchange(f, a)
            (line, *_) = f.log_with('reason="pin-removed"')
            self.assertIn(self.bob.pin.hex(), line)
            self.refused(f, self.bob, "certificate unknown", "pin-unknown")

    def test_removed_pin_with_request_outstanding(self):
        with self.frontend() as f, Client(f, self.alice) as c:
            c.send(b"\x01")
            ((conn, _, _),) = f.requests(1)
            f.pins([])
            self.assertTrue(c.at_end())
            # Its reply has nowhere to go, and breaks nothing.
            f.reply((conn, b"\x02"))
            f.pins([self.alice.pin])
            time.sleep(0.1)
            with Client(f, self.alice) as again:
                self.exchange(f, again)

    def test_added_pin(self):
        with self.frontend(pins=[]) as f:
            self.refused(f, self.bob, "certificate unknown", "pin-unknown")
            f.pins([self.bob.pin])
            time.sleep(0.1)
            with Client(f, self.bob) as c:
                self.exchange(f, c)

    def test_removed_during_the_handshake(self):
        """The list that counts is the one at the handshake's end."""
        with self.frontend() as f:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            context.set_alpn_protocols(["ksk/1"])
            context.load_cert_chain(self.alice.cert, self.alice.key)
            inward, outward = ssl.MemoryBIO(), ssl.MemoryBIO()
            tls = context.wrap_bio(inward, outward)
            with plain(f) as raw:
                while True:
                    try:
                        tls.do_handshake()
                        break
                    except ssl.SSLWantReadError:
                        raw.sendall(outward.read())
                        inward.write(raw.recv(65536))
                flight = outward.read()
                # All but the last record's last byte: certificate is judged,
                # Finished is not there yet.
                raw.sendall(flight[:-1])
                time.sleep(0.2)
                f.pins([])
                time.sleep(0.2)
                raw.sendall(flight[-1:])
                self.assertIsNotNone(closed_within(raw, SOON))
            self.assertTrue(f.log_with(self.alice.pin.hex()))
            self.assertEqual(f.requests(1, 0.1), [])

    def test_pins_survive_the_signer(self):
        with self.frontend() as f:
            f.close_link()
            time.sleep(0.1)
            with Client(f, self.alice) as c:
                f.new_link()
                self.exchange(f, c)


class Frames(Case):
    def test_pipelining_in_any_order(self):
        with self.frontend() as f, Client(f, self.alice) as c:
            c.send(*(bytes([i]) for i in range(50)))
            got = f.requests(50)
            self.assertEqual([frame for _, _, frame in got],
                             [bytes([i]) for i in range(50)])
            self.assertEqual(len({conn for conn, _, _ in got}), 1)
            conn = got[0][0]
            order = list(range(49, -1, -1))
            f.reply(*((conn, bytes([i, i])) for i in order))
            self.assertEqual([c.recv() for _ in order],
                             [bytes([i, i]) for i in order])

    def test_first_request_is_not_held_back(self):
        """A client that leaves Nagle's algorithm on does not wait 40 ms for
        the acknowledgement of its handshake."""
        with self.frontend() as f:
            echo = Echo(f)
            times = []
            for _ in range(15):
                with Client(f, self.alice) as c:
                    begin = time.monotonic()
                    c.send(b"x")
                    self.assertEqual(c.recv(), b"x")
                    times.append(time.monotonic() - begin)
            echo.end()
            self.assertLess(min(times), 0.03)

    def test_requests_are_batched(self):
        with self.frontend() as f, Client(f, self.alice) as c:
            c.send(*(bytes([i]) for i in range(50)))
            f.link.settimeout(SOON)
            self.assertEqual(len(parse_requests(f.link.recv(PACKET_MAX))), 50)
            f.buffered = []

    def test_sizes(self):
        with self.frontend() as f, Client(f, self.alice) as c:
            for size in (1, 2, 4096, 16384, 16385, 65534, 65535):
                self.exchange_of(f, c, os.urandom(size))

    def exchange_of(self, f, c, message):
        c.send(message)
        ((conn, _, frame),) = f.requests(1)
        self.assertEqual(frame, message)
        f.reply((conn, message[::-1]))
        self.assertEqual(c.recv(), message[::-1])

    def test_many_sizes_at_once(self):
        sizes = [1, 65535, 3, 40000, 7, 30000, 65535, 1] * 5
        frames = [os.urandom(n) for n in sizes]
        with self.frontend() as f, Client(f, self.alice) as c:
            echo = Echo(f)
            c.send(*frames[:14])
            self.assertEqual([c.recv() for _ in range(14)], frames[:14])
            for frame in frames:
                c.send(frame)
                self.assertEqual(c.recv(), frame)
            echo.end()

    def test_byte_by_byte(self):
        data = framed(b"abc") + framed(b"d")
        with self.frontend() as f, Client(f, self.alice) as c:
            for byte in data:
                c.raw(bytes([byte]))
            self.assertEqual([r[2] for r in f.requests(2)], [b"abc", b"d"])

    def test_hostile_bodies_pass_unread(self):
        """What is inside a frame is the signer's business (C33)."""
        bodies = [bytes.fromhex(h) for h in (
            "9a08000000", "bb8000000000000001", "5b7fffffffffffffff",
            "9b1000000000000000")] + [b"\x81" * 5000, b"\xc1" * 5000]
        with self.frontend() as f, Client(f, self.alice) as c:
            c.send(*bodies)
            self.assertEqual([r[2] for r in f.requests(len(bodies))], bodies)

    def bad_length(self, head, error):
        with self.frontend(pins=[self.alice.pin, self.bob.pin]) as f:
            before = f.rss()
            with Client(f, self.bob) as other, Client(f, self.alice) as c:
                c.raw(head)
                self.assertEqual(c.recv(), error)
                self.assertTrue(c.at_end())
                self.assertEqual(f.requests(1, 0.1), [])
                self.exchange(f, other)
            self.assertTrue(f.log_with('reason="frame-length"'))
            self.assertLess(f.rss() - before, 4 << 20)

    def test_zero_length(self):
        self.bad_length(struct.pack(">I", 0), MALFORMED)

    def test_zero_length_and_more(self):
        self.bad_length(struct.pack(">I", 0) + framed(b"\xa0") * 3, MALFORMED)

    def test_one_too_long(self):
        self.bad_length(struct.pack(">I", 65536), TOO_LARGE)

    def test_four_gigabytes(self):
        self.bad_length(struct.pack(">I", 0xFFFFFFFF) + b"\x9a\x08" * 20000,
                        TOO_LARGE)

    def test_error_reply_survives_a_client_that_goes_on_sending(self):
        """Closing over unread bytes would reset the connection and could
        cost the client the reply."""
        with self.frontend() as f, Client(f, self.alice) as c:
            c.raw(struct.pack(">I", 1 << 30))
            for _ in range(20):
                c.raw(b"x" * 16384)
                time.sleep(0.005)
            self.assertEqual(c.recv(), TOO_LARGE)
            self.assertTrue(c.at_end())

    def test_requests_before_a_bad_length_are_answered(self):
        with self.frontend() as f, Client(f, self.alice) as c:
            c.raw(framed(b"one") + framed(b"two") + struct.pack(">I", 0))
            got = f.requests(2)
            self.assertEqual([r[2] for r in got], [b"one", b"two"])
            f.reply(*((conn, frame) for conn, _, frame in got))
            self.assertEqual([c.recv() for _ in range(3)],
                             [b"one", b"two", MALFORMED])
            self.assertTrue(c.at_end())

    def test_close_flag(self):
        with self.frontend() as f, Client(f, self.alice) as c:
            c.send(b"x")
            ((conn, _, _),) = f.requests(1)
            f.reply((conn, b"y" * 60000, True))
            self.assertEqual(c.recv(), b"y" * 60000)
            self.assertTrue(c.at_end())

    def test_close_flag_waits_for_the_other_replies(self):
        with self.frontend() as f, Client(f, self.alice) as c:
            c.send(b"good", b"bad")
            ((conn, _, _), _) = f.requests(2)
            f.reply((conn, b"malformed", True))
            self.assertEqual(c.recv(), b"malformed")
            c.send(b"ignored")
            f.reply((conn, b"done"))
            self.assertEqual(c.recv(), b"done")
            self.assertTrue(c.at_end())
            self.assertEqual(f.requests(1, 0.1), [])

    def test_every_cut_of_a_frame(self):
        """Half a frame is no request, however the stream ends (C38)."""
        message = os.urandom(40)
        data = framed(message)
        with self.frontend() as f:
            for at in range(len(data) + 1):
                for how in ("goodbye", "fin", "reset"):
                    c = Client(f, self.alice)
                    c.raw(data[:at])
                    self.cut(c, how)
                    whole = at == len(data)
                    # A reset takes back what the frontend has not read yet.
                    sure = whole and how != "reset"
                    got = f.requests(1, SOON if sure else 0.02)
                    allowed = [[message]] if sure else [[]]
                    if whole and not sure:
                        allowed.append([message])
                    self.assertIn([r[2] for r in got], allowed, (at, how))
                    if got:
                        f.reply((got[0][0], b"nobody is there"))
            with Client(f, self.alice) as c:
                self.exchange(f, c)
            # A missing close alert is no news.
            self.assertEqual(f.log(), "")

    def cut(self, client, how):
        if how == "goodbye":
            client.tls.settimeout(0)
            with contextlib.suppress(OSError, ValueError):
                client.tls.unwrap()
        elif how == "reset":
            # Only what has arrived is not lost to the reset.
            time.sleep(0.005)
            client.tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                  struct.pack("ii", 1, 0))
        client.close()


class Deadlines(Case):
    def test_slow_handshake(self):
        """Wall clock for the whole: dripping bytes buys no time."""
        hello = client_hello()
        with self.frontend(handshake_ms=600) as f, plain(f) as raw:
            begin = time.monotonic()
            raw.settimeout(0.05)
            over = None
            for byte in hello:
                try:
                    raw.send(bytes([byte]))
                    if raw.recv(1) == b"":
                        over = time.monotonic()
                        break
                except TimeoutError:
                    continue
                except ConnectionError:
                    over = time.monotonic()
                    break
            self.assertIsNotNone(over)
            self.assertGreater(over - begin, 0.5)
            self.assertLess(over - begin, 3)
            self.assertTrue(f.log_with('reason="deadline"'))

    def test_silent_handshake(self):
        with self.frontend(handshake_ms=300) as f, plain(f) as raw:
            self.assertIsNotNone(closed_within(raw, 3))

    def test_slow_frame(self):
        with self.frontend(frame_ms=500) as f, Client(f, self.alice) as c:
            begin = time.monotonic()
            with contextlib.suppress(OSError):
                for byte in framed(b"x" * 200):
                    c.raw(bytes([byte]))
                    time.sleep(0.05)
            self.assertLess(time.monotonic() - begin, 8)
            self.assertTrue(f.log_with('reason="frame-deadline"'))
            self.assertEqual(f.requests(1, 0.1), [])

    def test_frame_in_time(self):
        with self.frontend(frame_ms=1000) as f, Client(f, self.alice) as c:
            for _ in range(3):
                c.raw(framed(b"ab")[:3])
                time.sleep(0.5)
                c.raw(framed(b"ab")[3:])
                ((conn, _, frame),) = f.requests(1)
                self.assertEqual(frame, b"ab")
                f.reply((conn, b"r"))
                self.assertEqual(c.recv(), b"r")

    def test_idle(self):
        with self.frontend(idle_ms=400) as f, Client(f, self.alice) as c:
            begin = time.monotonic()
            self.assertTrue(c.at_end())
            self.assertGreater(time.monotonic() - begin, 0.3)
            self.assertLess(time.monotonic() - begin, 3 * SLOW)
            self.assertEqual(f.log(), "")

    def test_waiting_is_not_idle(self):
        with self.frontend(idle_ms=300, frame_ms=300) as f:
            with Client(f, self.alice) as c:
                c.send(b"x")
                ((conn, _, _),) = f.requests(1)
                time.sleep(1)
                f.reply((conn, b"late"))
                self.assertEqual(c.recv(), b"late")
                self.assertTrue(c.at_end())

    def test_client_that_does_not_read(self):
        """Its output is bounded, then it is cut; others are served."""
        with self.frontend(frame_ms=1500,
                           pins=[self.alice.pin, self.bob.pin]) as f:
            before = f.rss()
            sent = self.flood(f)
            # The kernel's buffers, the frontend's 1 MiB, what was outstanding.
            kernel = int(pathlib.Path(
                "/proc/sys/net/ipv4/tcp_wmem").read_text().split()[2])
            self.assertLess(sent, kernel + (1 << 20) +
                            PER_CONNECTION * 60000 + (2 << 20))
            if not IS_SANITIZED:
                self.assertLess(f.rss() - before, 12 << 20)
            self.assertTrue(f.log_with('reason="not-reading"'))

    def flood(self, f):
        """Bytes of replies that the frontend took for a deaf client."""
        deaf = Client(f, self.alice, rcvbuf=4096)
        deaf.tls.settimeout(0.2)
        sent = 0
        with Client(f, self.bob) as other:
            while True:
                with contextlib.suppress(TimeoutError, OSError):
                    deaf.send(*[b"q"] * PER_CONNECTION)
                got = f.requests(PER_CONNECTION, 0.3)
                if not got:
                    break
                for conn, _, _ in got:
                    f.reply((conn, b"a" * 60000))
                    sent += 60000
                self.assertLess(sent, 64 << 20)
                self.exchange(f, other)
            self.assertTrue(f.log_with('reason="not-reading"'))
            self.exchange(f, other)
        deaf.close()
        return sent


class Limits(Case):
    def test_connections_in_all(self):
        with self.frontend(connections=4) as f:
            clients = [Client(f, self.alice) for _ in range(4)]
            with plain(f) as raw:
                self.assertIsNotNone(closed_within(raw, SOON))
            self.assertTrue(f.log_with('reason="connections"'))
            clients.pop().close()
            time.sleep(0.1)
            with Client(f, self.alice) as c:
                self.exchange(f, c)
            for c in clients:
                c.close()

    def test_connections_per_address(self):
        with self.frontend(per_address=3) as f:
            clients = [Client(f, self.alice) for _ in range(3)]
            with plain(f) as raw:
                self.assertIsNotNone(closed_within(raw, SOON))
            self.assertTrue(f.log_with('reason="connections-per-address"'))
            with Client(f, self.alice, source="127.0.0.2") as c:
                self.exchange(f, c)
            clients.pop().close()
            time.sleep(0.1)
            with Client(f, self.alice) as c:
                self.exchange(f, c)
            for c in clients:
                c.close()

    def test_strangers_have_a_quarter(self):
        with self.frontend(connections=40) as f:
            raws = [plain(f) for _ in range(30)]
            time.sleep(0.3)
            # Standard descriptors, control, link, listener, epoll.
            self.assertLessEqual(f.descriptors(), 10 + 10)
            open_now = [r for r in raws if closed_within(r, 0.02) is None]
            self.assertEqual(open_now, raws[-10:])
            self.assertTrue(f.log_with('reason="displaced"'))
            with Client(f, self.alice) as c:
                self.exchange(f, c)
            for raw in raws:
                raw.close()

    def test_busiest_address_gives_way(self):
        with self.frontend(connections=40) as f:
            lone = plain(f, source="127.0.0.9")
            crowd = [plain(f, source="127.0.0.2") for _ in range(30)]
            time.sleep(0.3)
            self.assertIsNone(closed_within(lone, 0.1))
            for raw in crowd + [lone]:
                raw.close()

    def test_clients_never_give_way(self):
        with self.frontend(connections=8, per_address=8) as f:
            clients = [Client(f, self.alice) for _ in range(6)]
            raws = [plain(f) for _ in range(20)]
            time.sleep(0.2)
            for c in clients:
                self.exchange(f, c)
                c.close()
            for raw in raws:
                raw.close()

    def test_stalled_sockets(self):
        """2,000 of them do not stop an enrolled client, old or new (G9)."""
        with self.frontend(per_address=64) as f:
            soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            if soft < 4096:
                resource.setrlimit(resource.RLIMIT_NOFILE,
                                   (min(4096, hard), hard))
            old = Client(f, self.alice)
            echo = Echo(f)
            raws = []
            for i in range(2000):
                raws.append(plain(f, source=f"127.0.{1 + i // 250}.1"))
                if i % 3 == 0:
                    raws[-1].send(b"\x16\x03\x01")
            times = []
            for i in range(100):
                begin = time.monotonic()
                old.send(b"ping")
                self.assertEqual(old.recv(), b"ping")
                times.append(time.monotonic() - begin)
            for source in ("127.0.0.1", "127.0.1.1"):
                for _ in range(10):
                    with Client(f, self.alice, source=source) as new:
                        new.send(b"ping")
                        self.assertEqual(new.recv(), b"ping")
            if not IS_SANITIZED:
                self.assertLess(f.rss(), 64 << 20)
                self.assertLess(sorted(times)[98], 0.25 * SLOW)
            echo.end()
            old.close()
            for raw in raws:
                raw.close()

    def test_bad_handshakes_beside_a_client(self):
        """A storm of strangers: the client's requests keep their pace, the
        log has one line a second."""
        with self.frontend() as f:
            c = Client(f, self.alice)
            echo = Echo(f)
            over = threading.Event()
            count = [0]

            def storm():
                while not over.is_set():
                    with contextlib.suppress(OSError):
                        with Client(f, self.bob) as bad:
                            bad.tls.recv(1)
                    count[0] += 1

            threads = [threading.Thread(target=storm) for _ in range(4)]
            for t in threads:
                t.start()
            times = []
            end = time.monotonic() + 2.5
            while time.monotonic() < end:
                begin = time.monotonic()
                c.send(b"ping")
                self.assertEqual(c.recv(), b"ping")
                times.append(time.monotonic() - begin)
                time.sleep(0.002)
            over.set()
            for t in threads:
                t.join()
            self.assertGreater(count[0], 50)
            # Each gets its turn: four strangers do not displace one client.
            self.assertGreater(len(times), count[0] / 8)
            until = time.monotonic() + SOON
            total = 0
            while total < count[0] and time.monotonic() < until:
                time.sleep(0.05)
                lines = f.log_with('reason="pin-unknown"')
                total = sum(int(re.search(r'count="(\d+)"', l).group(1))
                            for l in lines)
            seconds = time.monotonic() - end + 2.5
            self.assertLessEqual(len(lines), seconds + 1)
            self.assertEqual(total, count[0])
            echo.end()
            c.close()

    def test_many_idle_clients(self):
        """512 idle and 64 busy ones at the limits that are the default."""
        with self.frontend() as f:
            idle = [Client(f, self.alice) for _ in range(512)]
            busy = [Client(f, self.alice) for _ in range(64)]
            echo = Echo(f)
            for round_ in range(5):
                for i, c in enumerate(busy):
                    c.send(bytes([round_, i]))
                for i, c in enumerate(busy):
                    self.assertEqual(c.recv(), bytes([round_, i]))
            idle[100].send(b"awake")
            self.assertEqual(idle[100].recv(), b"awake")
            if not IS_SANITIZED:
                self.assertLess(f.rss(), 64 << 20)
            echo.end()
            for c in idle + busy:
                c.close()

    def test_descriptors_run_out(self):
        with self.frontend() as f:
            limits = resource.prlimit(f.pid, resource.RLIMIT_NOFILE)
            have = f.descriptors()
            resource.prlimit(f.pid, resource.RLIMIT_NOFILE,
                             (have + 2, limits[1]))
            waiting = [plain(f) for _ in range(4)]
            self.assertTrue(f.log_with('reason="descriptors"'))
            # It rests instead of spinning.
            before = cpu_ticks(f.pid)
            time.sleep(0.5)
            self.assertLess(cpu_ticks(f.pid) - before, 10)
            resource.prlimit(f.pid, resource.RLIMIT_NOFILE, limits)
            with Client(f, self.alice) as c:
                self.exchange(f, c)
            for raw in waiting:
                raw.close()

    def test_nothing_grows(self):
        """Memory and descriptors after many connections and requests."""
        with self.frontend() as f:
            echo = Echo(f)

            def burst(count):
                for _ in range(count):
                    with Client(f, self.alice) as c:
                        for _ in range(20):
                            c.send(b"x" * 1000)
                            c.recv()
                    with contextlib.suppress(OSError):
                        with Client(f, self.bob) as bad:
                            bad.tls.recv(1)

            burst(60)
            time.sleep(0.3)
            memory, descriptors = f.rss(), f.descriptors()
            burst(120)
            time.sleep(0.3)
            if not IS_SANITIZED:
                self.assertLess(f.rss() - memory, 1 << 20)
            self.assertEqual(f.descriptors(), descriptors)
            echo.end()


def cpu_ticks(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1]
    fields = fields.split()
    return int(fields[11]) + int(fields[12])


class Credits(Case):
    def send_all(self, clients, frames):
        """Each client sends its frames, in threads: reading may pause."""
        def send(c):
            with contextlib.suppress(OSError):
                c.send(*frames)

        threads = [threading.Thread(target=send, args=(c,), daemon=True)
                   for c in clients]
        for t in threads:
            t.start()
        return threads

    def test_requests_in_all(self):
        with self.frontend() as f:
            clients = [Client(f, self.alice) for _ in range(8)]
            self.send_all(clients, [b"q"] * PER_CONNECTION)
            got = f.requests(CREDIT_REQUESTS + 1, 1)
            self.assertEqual(len(got), CREDIT_REQUESTS)
            f.reply((got[0][0], b"a"))
            self.assertEqual(len(f.requests(2, 0.5)), 1)
            f.reply(*((conn, b"a") for conn, _, _ in got[1:101]))
            self.assertEqual(len(f.requests(101, 0.5)), 100)
            for c in clients:
                c.close()

    def test_requests_per_connection(self):
        with self.frontend() as f, Client(f, self.alice) as c:
            c.send(*[b"q"] * 200)
            got = f.requests(PER_CONNECTION + 1, 0.5)
            self.assertEqual(len(got), PER_CONNECTION)
            conn = got[0][0]
            for expected in (64, 64, 8):
                f.reply(*((conn, b"a"),) * len(got[:PER_CONNECTION]))
                got = f.requests(expected)
                self.assertEqual(len(got), expected)
            f.reply(*((conn, b"a"),) * len(got))
            self.assertEqual([c.recv() for _ in range(200)], [b"a"] * 200)

    def test_bytes_in_all(self):
        size = 60000
        with self.frontend() as f:
            clients = [Client(f, self.alice) for _ in range(4)]
            threads = self.send_all(clients, [b"q" * size] * 20)
            outstanding, answered, most = [], 0, 0
            while answered < 80:
                outstanding += f.requests(CREDIT_REQUESTS, 0.03)
                total = sum(len(r[2]) for r in outstanding)
                self.assertLessEqual(total, CREDIT_BYTES)
                most = max(most, total)
                self.assertTrue(outstanding)
                conn, _, frame = outstanding.pop()
                f.reply((conn, b"a"))
                answered += 1
            # The credit is used, not only kept.
            self.assertGreater(most, CREDIT_BYTES - 2 * size)
            for t in threads:
                t.join()
            for c in clients:
                self.assertEqual([c.recv() for _ in range(20)], [b"a"] * 20)
                c.close()

    def test_mixed_sizes_never_pass_the_limit(self):
        """A reply does not say which request it answers; what is counted
        must not be less than what is open."""
        with self.frontend() as f:
            clients = [Client(f, self.alice) for _ in range(4)]
            frames = [b"q" * n for n in (10, 60000, 100, 50000, 1)] * 12
            self.send_all(clients, frames)
            outstanding, answered = [], 0
            while answered < len(frames) * 4:
                outstanding += f.requests(CREDIT_REQUESTS, 0.05)
                self.assertLessEqual(sum(len(r[2]) for r in outstanding),
                                     CREDIT_BYTES)
                # The smallest first: the large ones stay open.
                outstanding.sort(key=lambda r: -len(r[2]))
                part, outstanding = outstanding[-40:], outstanding[:-40]
                f.reply(*((conn, b"a") for conn, _, _ in part))
                answered += len(part)
            for c in clients:
                c.close()

    def test_reading_stops_without_credit(self):
        """What a client sends on top stays with the client."""
        with self.frontend() as f:
            holders = [Client(f, self.alice) for _ in range(4)]
            self.send_all(holders, [b"q"] * PER_CONNECTION)
            got = f.requests(CREDIT_REQUESTS)
            self.assertEqual(len(got), CREDIT_REQUESTS)
            before = f.rss()
            greedy = Client(f, self.alice)
            greedy.tls.settimeout(1)
            with self.assertRaises((TimeoutError, ssl.SSLError)):
                for _ in range(400):
                    greedy.send(b"g" * 60000)
            if not IS_SANITIZED:
                self.assertLess(f.rss() - before, 2 << 20)
            self.assertEqual(f.requests(1, 0.1), [])
            f.reply(*((conn, b"a") for conn, _, _ in got))
            self.assertEqual(f.requests(1)[0][2], b"g" * 60000)
            for c in holders + [greedy]:
                c.close()

    def test_greedy_clients_do_not_starve_a_modest_one(self):
        with self.frontend(pins=[self.alice.pin, self.bob.pin]) as f:
            greedy = [Client(f, self.alice) for _ in range(6)]
            self.send_all(greedy, [b"greedy"] * 1000)
            got = f.requests(CREDIT_REQUESTS)
            modest = Client(f, self.bob)
            modest.send(b"modest")
            time.sleep(0.2)
            # With one credit at a time each connection has its turn.
            turns = 0
            while True:
                f.reply((got.pop(0)[0], b"a"))
                (request,) = f.requests(1)
                turns += 1
                if request[2] == b"modest":
                    break
                got.append(request)
                self.assertLess(turns, 20)
            f.reply((request[0], b"served"))
            self.assertEqual(modest.recv(), b"served")
            for c in greedy + [modest]:
                c.close()

    def test_reply_for_a_closed_connection_gives_credit_back(self):
        with self.frontend() as f:
            for _ in range(3):
                gone = [Client(f, self.alice) for _ in range(4)]
                self.send_all(gone, [b"q"] * PER_CONNECTION)
                got = f.requests(CREDIT_REQUESTS)
                self.assertEqual(len(got), CREDIT_REQUESTS)
                for c in gone:
                    c.close()
                time.sleep(0.1)
                for at in range(0, len(got), 64):
                    f.reply(*((conn, b"a") for conn, _, _ in got[at:at + 64]))
            with Client(f, self.alice) as c:
                self.exchange(f, c)

    def test_full_link(self):
        """A signer that is slow to read: packets wait, none is lost."""
        with self.frontend() as f:
            clients = [Client(f, self.alice) for _ in range(4)]
            frames = [bytes([i]) * 30000 for i in range(8)]
            self.send_all(clients, frames)
            time.sleep(0.5)
            got = f.requests(32)
            self.assertEqual(len(got), 32)
            for conn in {r[0] for r in got}:
                self.assertEqual([r[2] for r in got if r[0] == conn], frames)
            for c in clients:
                c.close()


class Signer(Case):
    def test_death_closes_who_waits_and_keeps_the_others(self):
        with self.frontend() as f:
            with Client(f, self.alice) as waits, Client(f, self.alice) as idle:
                self.exchange(f, idle)
                waits.send(b"lost")
                self.assertEqual(len(f.requests(1)), 1)
                f.close_link()
                self.assertTrue(waits.at_end())
                idle.send(b"kept")
                time.sleep(0.2)
                f.new_link()
                ((conn, _, frame),) = f.requests(1)
                self.assertEqual(frame, b"kept")
                f.reply((conn, b"answered"))
                self.assertEqual(idle.recv(), b"answered")
            self.assertTrue(f.log_with("link-lost"))

    def test_credits_are_full_again(self):
        with self.frontend() as f:
            for _ in range(3):
                clients = [Client(f, self.alice) for _ in range(5)]
                for c in clients:
                    c.send(*[b"q"] * PER_CONNECTION)
                self.assertEqual(len(f.requests(CREDIT_REQUESTS)),
                                 CREDIT_REQUESTS)
                f.new_link()
                for c in clients:
                    c.close()
                # The fifth client's requests waited and come now, unless it
                # is gone already.
                time.sleep(0.2)
                f.requests(PER_CONNECTION, 0.2)
                f.new_link()

    def test_new_link_in_place_of_a_live_one(self):
        with self.frontend() as f, Client(f, self.alice) as c:
            self.exchange(f, c)
            old = f.link
            f.link = None
            f.new_link()
            self.exchange(f, c)
            old.settimeout(SOON)
            self.assertEqual(old.recv(10), b"")
            old.close()

    def test_replies_that_were_written_are_flushed(self):
        with self.frontend() as f, Client(f, self.alice) as c:
            c.send(b"one", b"two")
            ((conn, _, _), _) = f.requests(2)
            f.reply((conn, b"z" * 60000))
            f.close_link()
            self.assertEqual(c.recv(), b"z" * 60000)
            self.assertTrue(c.at_end())

    def test_first_link_after_clients(self):
        with self.frontend(link=False, pins=None, handshake_ms=300) as f:
            self.refused(f, self.alice, "internal error", "no-pins")
            f.new_link()
            f.pins([self.alice.pin])
            time.sleep(0.1)
            with Client(f, self.alice) as c:
                self.exchange(f, c)

    def broken(self, *packets):
        with self.frontend(exit_status=EXIT_PEER) as f:
            with Client(f, self.alice) as c:
                c.send(b"q")
                ((conn, _, _),) = f.requests(1)
                for packet in packets:
                    f.link.send(packet(conn) if callable(packet) else packet)
                self.assertEqual(f.wait(), EXIT_PEER)
                self.assertIn("peer-broken", f.log())

    def test_more_replies_than_requests(self):
        reply = lambda conn: struct.pack(">HQBH", LNK_REPLIES, conn, 0,
                                         1) + b"a"
        self.broken(reply, reply)

    def test_reply_to_a_connection_that_never_was(self):
        self.broken(struct.pack(">HQBH", LNK_REPLIES, 12345, 0, 1) + b"a")

    def test_malformed_packets(self):
        for packet in (
                b"\x00", b"\x00\x99", struct.pack(">H", LNK_REPLIES),
                struct.pack(">H", LNK_REQUESTS),
                lambda conn: struct.pack(">HQBH", LNK_REPLIES, conn, 0, 0),
                lambda conn: struct.pack(">HQBH", LNK_REPLIES, conn, 2,
                                         1) + b"a",
                lambda conn: struct.pack(">HQBH", LNK_REPLIES, conn, 0,
                                         2) + b"a",
                lambda conn: struct.pack(">HQBH", LNK_REPLIES, conn, 0,
                                         1) + b"ab",
                struct.pack(">H", LNK_PINS) + b"x" * 31,
                struct.pack(">H", LNK_PINS) + b"x" * 32 * 1033,
                struct.pack(">H", CTL_STOP)):
            with self.subTest(packet):
                self.broken(packet)

    def test_descriptor_over_the_link(self):
        with self.frontend(exit_status=EXIT_PEER) as f:
            socket.send_fds(f.link, [struct.pack(">H", LNK_PINS)], [0])
            self.assertEqual(f.wait(), EXIT_PEER)


class Control(Case):
    def test_orderly_stop(self):
        with self.frontend() as f:
            waits, idle = Client(f, self.alice), Client(f, self.alice)
            self.exchange(f, idle)
            waits.send(b"q")
            ((conn, _, _),) = f.requests(1)
            f.stop()
            self.assertTrue(idle.at_end())
            idle.close()
            with self.assertRaises(ConnectionRefusedError):
                plain(f)
            self.assertIsNone(f.wait(0.3))
            f.reply((conn, b"z" * 60000))
            self.assertEqual(waits.recv(), b"z" * 60000)
            self.assertTrue(waits.at_end())
            waits.close()
            self.assertEqual(f.wait(), EXIT_OK)

    def test_stop_waits_four_seconds_at_most(self):
        with self.frontend() as f, Client(f, self.alice) as c:
            c.send(b"q")
            self.assertEqual(len(f.requests(1)), 1)
            begin = time.monotonic()
            f.stop()
            self.assertEqual(f.wait(), EXIT_OK)
            self.assertGreater(time.monotonic() - begin, 3)
            self.assertLess(time.monotonic() - begin, 5 * SLOW)

    def test_stop_with_idle_clients_is_quick(self):
        with self.frontend() as f:
            clients = [Client(f, self.alice) for _ in range(20)]
            raws = [plain(f) for _ in range(20)]
            begin = time.monotonic()
            f.stop()
            self.assertEqual(f.wait(), EXIT_OK)
            self.assertLess(time.monotonic() - begin, 3.5)
            for c in clients + raws:
                c.close()

    def test_requests_not_begun_are_not_begun_at_a_stop(self):
        with self.frontend() as f, Client(f, self.alice) as c:
            c.send(*[b"q"] * (PER_CONNECTION + 10))
            got = f.requests(PER_CONNECTION)
            f.stop()
            time.sleep(0.1)
            f.reply(*((conn, b"a") for conn, _, _ in got))
            for _ in got:
                self.assertEqual(c.recv(), b"a")
            self.assertTrue(c.at_end())
            self.assertEqual(f.requests(1, 0.1), [])

    def test_kskd_is_dead(self):
        with self.frontend() as f:
            f.control.close()
            self.assertEqual(f.wait(), EXIT_OK)

    def test_reload(self):
        new = Identity(self.folder, "new-server", "/CN=appliance")
        with self.frontend() as f, Client(f, self.alice) as old:
            ok, why = f.prepare(7, new.key, new.cert)
            self.assertEqual((ok, why), (True, ""))
            with Client(f, self.alice) as c:
                self.assertEqual(c.tls.getpeercert(True), self.server.der())
            f.order(CTL_COMMIT, 7)
            time.sleep(0.1)
            with Client(f, self.alice) as c:
                self.assertEqual(c.tls.getpeercert(True), new.der())
                self.exchange(f, c)
            self.exchange(f, old)
            # And again, so that what was replaced is given back.
            self.assertTrue(f.prepare(8, self.server.key,
                                      self.server.cert)[0])
            f.order(CTL_COMMIT, 8)
            time.sleep(0.1)
            with Client(f, self.alice) as c:
                self.assertEqual(c.tls.getpeercert(True), self.server.der())

    def test_reload_aborted(self):
        new = Identity(self.folder, "new-server-2", "/CN=appliance")
        with self.frontend() as f:
            self.assertTrue(f.prepare(1, new.key, new.cert)[0])
            f.order(CTL_ABORT, 1)
            time.sleep(0.1)
            with Client(f, self.alice) as c:
                self.assertEqual(c.tls.getpeercert(True), self.server.der())

    def test_reload_refused(self):
        junk = self.folder / "junk"
        junk.write_text("-----BEGIN NOTHING-----\n")
        empty = self.folder / "empty"
        empty.write_text("")
        large = self.folder / "large"
        large.write_text("x" * 100000)
        locked = self.folder / "locked.key"
        subprocess.run(["openssl", "pkey", "-in", self.server.key, "-aes256",
                        "-passout", "pass:secret", "-out", locked],
                       check=True, capture_output=True)
        old = self.server.variant(
            "old-server", with_dates("200101000000Z", "210101000000Z"))
        key, cert = self.server.key, self.server.cert
        with self.frontend() as f:
            for k, c, words in ((junk, cert, "TLS key"),
                                (empty, cert, "TLS key"),
                                (large, cert, "TLS key"),
                                (locked, cert, "passphrase"),
                                (key, junk, "TLS certificate"),
                                (key, empty, "TLS certificate"),
                                (key, old.cert, "not valid now"),
                                (self.bob.key, cert, "belong together")):
                ok, why = f.prepare(3, k, c)
                self.assertFalse(ok)
                self.assertIn(words, why)
                self.assertNotIn("secret", why)
                f.order(CTL_ABORT, 3)
            with Client(f, self.alice) as c:
                self.assertEqual(c.tls.getpeercert(True), self.server.der())

    def test_reloads_leave_nothing_behind(self):
        with self.frontend() as f:
            for i in range(50):
                self.assertTrue(f.prepare(i, self.server.key,
                                          self.server.cert)[0])
                f.order((CTL_COMMIT, CTL_ABORT)[i % 2], i)
            memory, descriptors = f.rss(), f.descriptors()
            for i in range(300):
                self.assertTrue(f.prepare(i, self.server.key,
                                          self.server.cert)[0])
                f.order((CTL_COMMIT, CTL_ABORT)[i % 2], i)
            self.assertEqual(f.descriptors(), descriptors)
            if not IS_SANITIZED:
                self.assertLess(f.rss() - memory, 1 << 20)

    def broken(self, send):
        with self.frontend(exit_status=EXIT_PEER) as f:
            send(f)
            self.assertEqual(f.wait(), EXIT_PEER)
            self.assertIn("peer-broken", f.log())

    def test_unasked_packets(self):
        self.broken(lambda f: f.order(CTL_COMMIT, 1))
        self.broken(lambda f: f.control.send(struct.pack(">H", CTL_READY)))
        self.broken(lambda f: f.control.send(b"\x00"))
        self.broken(lambda f: f.control.send(struct.pack(">HB", CTL_STOP, 0)))
        self.broken(lambda f: socket.send_fds(
            f.control, [struct.pack(">H", CTL_STOP)], [0]))
        self.broken(lambda f: f.control.send(
            struct.pack(">HI", CTL_PREPARE, 1)))
        self.broken(lambda f: f.control.send(
            struct.pack(">HBHI", CTL_LINK, EDGE_FRONTEND_SIGNER, 0, 9)))

    def test_commit_of_another_number(self):
        def send(f):
            self.assertTrue(f.prepare(4, self.server.key,
                                      self.server.cert)[0])
            f.order(CTL_COMMIT, 5)

        self.broken(send)

    def test_link_of_an_old_generation(self):
        def send(f):
            a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            f.order_link(b, f.generation)
            a.close()
            b.close()

        self.broken(send)

    def test_link_of_another_edge(self):
        def send(f):
            a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            socket.send_fds(f.control,
                            [struct.pack(">HBHI", CTL_LINK, 2, 0, 9)],
                            [b.fileno()])
            a.close()
            b.close()

        self.broken(send)


class Start(Case):
    def fails(self, status, words, server=None, **options):
        f = Frontend(self.folder, server or self.server, ready=False,
                     **options)
        self.assertEqual(f.wait(), status)
        self.assertIn(words, f.log())
        self.assertEqual(f.log().count("\n"), 1)
        f.end()

    def test_by_hand(self):
        run = subprocess.run([PROGRAM], stdin=subprocess.DEVNULL,
                             capture_output=True, timeout=SOON)
        self.assertEqual(run.returncode, EXIT_USAGE)
        self.assertIn(b"kskd", run.stderr)

    def test_unusable_key(self):
        server = object.__new__(Identity)
        server.key = self.bob.key
        server.cert = self.server.cert
        self.fails(EXIT_TLS, "kskadm tls init", server)

    def test_limits_of_zero(self):
        self.fails(EXIT_PEER, "peer-broken", connections=0)
        self.fails(EXIT_PEER, "peer-broken", handshake_ms=0)

    def test_expired_certificate_is_a_warning(self):
        """At start the clock may be what is wrong: kskd decides nothing by
        it, and the client will tell."""
        old = self.server.variant(
            "old-server-2", with_dates("200101000000Z", "210101000000Z"))
        f = Frontend(self.folder, old, pins=[self.alice.pin])
        self.assertIn("certificate-dates", f.log())
        with Client(f, self.alice) as c:
            self.exchange(f, c)
        self.assertEqual(f.end(), EXIT_OK)

    def test_inside_the_sandbox(self):
        with self.frontend() as f:
            status = pathlib.Path(f"/proc/{f.pid}/status").read_text()
            self.assertRegex(status, r"Seccomp:\s+2\n")
            self.assertRegex(status, r"NoNewPrivs:\s+1\n")
            self.assertRegex(status, r"CapEff:\s+0+\n")
            self.assertRegex(status, r"Threads:\s+1\n")


if __name__ == "__main__":
    unittest.main()
