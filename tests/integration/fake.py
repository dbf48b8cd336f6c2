"""A server that plays the appliance for tests of kskctl, and plays it wrong
when told to. Written from protocol/PROTOCOL.md; keys and signatures are made
with the openssl command.
"""
import contextlib
import hashlib
import os
import re
import socket
import ssl
import struct
import threading
import time

import cbor2

import appliance as ap


class Key:
    """A P-256 key that signs as a KSK."""

    def __init__(self, folder, name, zone, flags=257):
        self.path = os.path.join(folder, name + ".pem")
        ap.sh("openssl", "ecparam", "-name", "prime256v1", "-genkey",
              "-noout", "-out", self.path)
        der = ap.sh("openssl", "pkey", "-in", self.path, "-pubout",
                    "-outform", "DER").stdout
        self.rdata = struct.pack("!HBB", flags, 3, 13) + der[-64:]
        self.tag = ap.key_tag(self.rdata)
        self.zone = zone

    def ds(self):
        digest = hashlib.sha256(ap.wire_name(self.zone) + self.rdata).digest()
        return struct.pack("!HBB", self.tag, 13, 2) + digest

    def sign(self, message):
        der = ap.sh("openssl", "dgst", "-sha256", "-sign", self.path,
                    input=message).stdout
        out, at = b"", 2
        for _ in range(2):
            length = der[at + 1]
            out += der[at + 2:at + 2 + length].lstrip(b"\0").rjust(32, b"\0")
            at += 2 + length
        return out

    def rrsig(self, rrset, window, ttl=None):
        owner, kind, rrset_ttl, rdata = (rrset[i] for i in (1, 2, 3, 4))
        ttl = rrset_ttl if ttl is None else ttl
        labels, at = 0, 0
        while owner[at]:
            labels, at = labels + 1, at + owner[at] + 1
        head = struct.pack("!HBBIIIH", kind, 13, labels, ttl,
                           window[2] & 0xffffffff, window[1] & 0xffffffff,
                           self.tag) + ap.wire_name(self.zone)
        message = head + b"".join(
            owner + struct.pack("!HHIH", kind, 1, ttl, len(r)) + r
            for r in rdata)
        return head + self.sign(message)


def certificate(folder, name, past=False, bits=None):
    """-> (certificate, key, pin). past: its dates are over; nobody checks the
    signature of a certificate on itself. bits: of an RSA key."""
    base = os.path.join(folder, name)
    kind = (f"rsa:{bits}",) if bits else \
        ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")
    argv = ["openssl", "req", "-x509", "-newkey", *kind, "-nodes", "-subj",
            f"/CN={name}",
            "-days", "30", "-keyout", base + ".key", "-out", base + ".crt"]
    ap.sh(*argv)
    der = ap.sh("openssl", "pkey", "-in", base + ".key", "-pubout",
                "-outform", "DER").stdout
    if past:
        with open(base + ".crt", encoding="ascii") as f:
            whole = ssl.PEM_cert_to_DER_cert(f.read())
        times = list(re.finditer(rb"\x17\x0d\d{12}Z", whole))
        for match, value in zip(times, (b"200101000000Z", b"210101000000Z")):
            whole = whole[:match.start() + 2] + value + whole[match.end():]
        with open(base + ".crt", "w", encoding="ascii") as f:
            f.write(ssl.DER_cert_to_PEM_cert(whole))
    return base + ".crt", base + ".key", hashlib.sha256(der).hexdigest()


class Cut(Exception):
    """Ends a connection at once: how is FIN, RST or BYE (close alert)."""

    def __init__(self, how="FIN"):
        super().__init__(how)
        self.how = how


class Connection:
    def __init__(self, sock):
        self.sock = sock

    def read(self, count):
        data = b""
        while len(data) < count:
            more = self.sock.recv(count - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def receive(self):
        length, = struct.unpack("!I", self.read(4))
        frame = self.read(length)
        request = cbor2.loads(frame)
        if cbor2.dumps(request, canonical=True) != frame:
            raise AssertionError("a request has another encoding")
        return request

    def send_raw(self, data):
        self.sock.sendall(data)

    def send(self, reply):
        message = cbor2.dumps(reply, canonical=True)
        self.send_raw(struct.pack("!I", len(message)) + message)

    def end(self, how):
        if how == "BYE":
            with contextlib.suppress(OSError):
                self.sock.settimeout(0.2)
                self.sock.unwrap()
            return
        fd = self.sock.detach()
        raw = socket.socket(fileno=fd)
        if how == "RST":
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                           struct.pack("ii", 1, 0))
        raw.close()


class Server:
    """Each connection is given to self.serve(connection)."""

    def __init__(self, folder, name="server", trust=None, alpn="ksk/1",
                 version=None, past=False, bits=None):
        self.certificate, self.key, self.pin = certificate(
            folder, name, past, bits)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if bits:  # however weak
            self.context.set_ciphers("ALL:@SECLEVEL=0")
        self.context.minimum_version = version or ssl.TLSVersion.TLSv1_3
        self.context.maximum_version = version or ssl.TLSVersion.TLSv1_3
        self.context.load_cert_chain(self.certificate, self.key)
        self.context.num_tickets = 0
        if alpn:
            self.context.set_alpn_protocols([alpn])
        if trust:
            self.context.verify_mode = ssl.CERT_REQUIRED
            self.context.load_verify_locations(trust)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self.connections = 0
        self.faults = []
        self.before_handshake = None
        self.serve = None
        threading.Thread(target=self.loop, daemon=True).start()

    def loop(self):
        while True:
            try:
                raw, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self.one(raw)

    def one(self, raw):
        raw.settimeout(20)
        connection = None
        try:
            if self.before_handshake:
                self.before_handshake(raw)
            connection = Connection(
                self.context.wrap_socket(raw, server_side=True))
            self.serve(connection)
        except Cut as cut:
            connection.end(cut.how)
        except (EOFError, OSError):
            pass
        except Exception as fault:  # shown by the test
            self.faults.append(repr(fault))
        finally:
            raw.close()
            if connection:
                connection.sock.close()

    def close(self):
        with contextlib.suppress(OSError):  # wakes accept
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Fake:
    """What a well-behaved appliance answers; tests change it."""

    zone = "lab.example."

    def __init__(self, folder, ksk=None):
        self.folder = folder
        self.ksk = ksk or Key(folder, "ksk", self.zone)
        self.requests = []
        self.state = 0
        self.clock = 0
        self.window = None
        self.sign_body = self.sign
        self.ksks = [self.ksk]
        self.signers = [self.ksk]
        self.keys_owner = None
        self.record = 41           # the journal's head
        self.journal = b"journal"  # another one has other hashes
        self.id = b"\x11" * 16
        self.answers = {}          # idempotency key -> (body, reply)
        self.held = {}             # (zone, type) -> body of last-answer
        self.ksk_moments, self.zsk_moments, self.more_status = {}, {}, {}

    def now(self):
        return int(time.time()) + self.clock

    def default_window(self):
        now = int(time.time())
        return self.window or {1: now - 3600, 2: now + 14 * 86400 - 3600}

    def hash(self, number=None):
        number = self.record if number is None else number
        return hashlib.sha256(b"%s %d" % (self.journal, number)).digest()

    def append(self):
        """An intent and a result."""
        self.record += 2
        return self.record, self.hash()

    def status(self, request):
        body = {1: self.id, 2: "0.1.0", 3: self.now(), 4: self.state,
                6: 7, 7: b"\x22" * 32, 8: self.record,
                9: self.hash(), 10: 1, 11: [{1: "main", 2: self.state, 3: 2}], 12: []}
        body.update(self.more_status)
        if self.state:
            body[5] = "unlock it"
            body[12] = [{1: ap.wire_name(self.zone), 2: self.state, 3: "x"}]
        return {1: request[1], 2: 0, 3: body}

    def ksk_entry(self, key, stands=True):
        return {1: key.rdata, 2: key.ds(), 3: 1700000000, 5: True,
                6: stands, 7: 0, **self.ksk_moments}

    def keys(self, request):
        owner = self.keys_owner or request[3][1]
        return {1: request[1], 2: 0, 3: {
            1: owner, 2: 3600, 3: self.default_window(),
            4: [48, 59, 60], 5: [self.ksk_entry(k) for k in self.ksks],
            6: [{1: "alpha", 2: 1, 3: [{1: self.ksk.ds(), 3: False,
                                    **self.zsk_moments}]}],
            7: []}}

    def sign(self, request):
        body = request[3]
        window = body.get(2) or self.default_window()
        reply = {1: [], 4: 7, 5: window}
        if body.get(6):
            del reply[1]
            return {1: request[1], 2: 0, 3: reply}
        known = self.answers.get(body.get(3))
        if known:
            if known[0] != body:
                return {1: request[1], 2: 2, 4: [
                    {1: "idempotency", 2: "this key had another request"}]}
            return {1: request[1], 2: 0, 3: known[1]}
        reply[1] = [k.rrsig(body[1], window) for k in self.signers]
        reply[2], reply[3] = self.append()
        if 3 in body:
            self.answers[body[3]] = (body, reply)
        self.hold(body[1], reply[1], window)
        return {1: request[1], 2: 0, 3: reply}

    def hold(self, rrset, rrsigs, window, adopted=False):
        """What last-answer gives from now on: the record is the head."""
        self.held[rrset[1], rrset[2]] = {
            1: rrset, 2: rrsigs, 3: self.record, 4: self.hash(), 5: 7,
            6: window, 7: self.now(), 8: adopted}

    def last_answer(self, request):
        body = self.held.get((request[3][1], request[3][2]))
        reply = {1: request[1], 2: 0}
        if body:
            reply[3] = body
        return reply

    def adopt(self, request):
        rrset, rrsigs = request[3][1], request[3][2]
        record, chain = self.append()
        expiration, inception = struct.unpack("!II", rrsigs[0][8:16])
        self.hold(rrset, rrsigs, {1: inception, 2: expiration}, True)
        return {1: request[1], 2: 0, 3: {1: record, 2: chain}}

    def answer(self, request):
        return {1: self.status, 2: self.keys, 3: self.sign_body,
                5: self.last_answer, 10: self.adopt}[request[2]](request)

    def serve(self, connection):
        while True:
            request = connection.receive()
            self.requests.append(request)
            reply = self.answer(request)
            if isinstance(reply, Exception):
                raise reply
            if isinstance(reply, bytes):
                connection.send_raw(reply)
            elif reply is not None:
                connection.send(reply)
