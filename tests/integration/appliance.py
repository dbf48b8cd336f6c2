"""A whole appliance in a temporary folder, for tests: SoftHSM token, KSKs,
policy, kskd and its children, and a protocol peer of its own, written from
protocol/PROTOCOL.md with python3-cbor2, that shares no code with the product.
"""
import base64
import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import tempfile
import time
import weakref

import cbor2

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BUILD = os.path.join(TOP, os.environ.get("KSK_BUILD", "build"))
PLAIN = not os.environ.get("KSK_BUILD", "").endswith("asan")
# How much longer than promised a thing may take: the machine is shared, and a
# sanitizer slows it further. What is promised is measured by soaks and benches.
SLOW = 3 if PLAIN else 10
SOFTHSM = "/usr/lib/softhsm/libsofthsm2.so"
USERS = {"frontend": 64810, "signer": 64811, "policy": 64812, "token": 64813}

STATUS, KEYS, SIGN, SIGN_SCHEDULE = 1, 2, 3, 4
LAST_ANSWER, ADOPT = 5, 10
DONE, MALFORMED, REFUSED, NOT_AUTHORISED, UNKNOWN_ZONE, NOT_READY, BUSY, \
    TOO_LARGE, UNSUPPORTED, INTERNAL = range(10)
DNSKEY, CDS, CDNSKEY = 48, 59, 60


def sh(*argv, check=True, env=None, input=None, cwd=None):
    done = subprocess.run(
        [str(a) for a in argv], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env=env, cwd=cwd,
        input=input.encode() if isinstance(input, str) else input,
        stdin=None if input is not None else subprocess.DEVNULL)
    done.out = done.stdout.decode("utf-8", "replace")
    done.err = done.stderr.decode("utf-8", "replace")
    if check and done.returncode != 0:
        raise AssertionError(f"{argv} -> {done.returncode}\n{done.out}"
                             f"{done.err}")
    return done


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


# What was made and still is: a wait in vain shows their logs.
_MADE = weakref.WeakSet()


def wait_for(what, seconds=10.0, step=0.02):
    """Waits until what() is true and returns it; fails after the time."""
    end = time.monotonic() + seconds * SLOW
    while True:
        value = what()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError("\n".join((
                f"did not happen within {seconds * SLOW} s: {what}",
                *(a.log_text()[-3000:] for a in _MADE))))
        time.sleep(step)


# ---- names and keys, computed here and not by the product ----

def wire_name(text):
    out = b""
    for label in text.rstrip(".").split("."):
        if label:
            out += bytes([len(label)]) + label.lower().encode()
    return out + b"\0"


def key_tag(rdata):
    total = sum(b << 8 if i % 2 == 0 else b for i, b in enumerate(rdata))
    return (total + (total >> 16 & 0xffff)) & 0xffff


def ds_text(zone, rdata):
    digest = hashlib.sha256(wire_name(zone) + rdata).hexdigest()
    return f"{key_tag(rdata)} {rdata[3]} 2 {digest}"


def dnskey_rdata(line):
    """RDATA of a DNSKEY in one-line zone text."""
    words = line.split(";")[0].split()
    at = words.index("DNSKEY")
    flags, protocol, algorithm = (int(w) for w in words[at + 1:at + 4])
    return struct.pack("!HBB", flags, protocol, algorithm) + \
        base64.b64decode("".join(words[at + 4:]))


def dnskey_line(zone, rdata, ttl=3600):
    flags, protocol, algorithm = struct.unpack("!HBB", rdata[:4])
    return (f"{zone} {ttl} IN DNSKEY {flags} {protocol} {algorithm} "
            f"{base64.b64encode(rdata[4:]).decode()}")


def rrsig_line(zone, rdata, ttl):
    covered, algorithm, labels, original, expiration, inception, tag = \
        struct.unpack("!HBBIIIH", rdata[:18])
    signature = base64.b64encode(rdata[18 + len(wire_name(zone)):]).decode()
    kind = {DNSKEY: "DNSKEY", CDS: "CDS", CDNSKEY: "CDNSKEY"}[covered]

    def at(seconds):
        return time.strftime("%Y%m%d%H%M%S", time.gmtime(seconds))
    return (f"{zone} {ttl} IN RRSIG {kind} {algorithm} {labels} {original} "
            f"{at(expiration)} {at(inception)} {tag} {zone} {signature}")


_TAGS = set()  # of this process: keys of one set must differ in them


class Zsk:
    """A ZSK made by BIND's dnssec-keygen, with a tag that no key before it
    has."""

    def __init__(self, folder, zone, algorithm=13, bits=None):
        os.makedirs(folder, exist_ok=True)
        self.folder, self.zone = folder, zone
        self.make(algorithm, ["-b", bits] if bits else [])
        while self.tag in _TAGS:
            for end in (".key", ".private"):
                os.unlink(os.path.join(folder, self.base + end))
            self.make(algorithm, ["-b", bits] if bits else [])
        _TAGS.add(self.tag)
        self.ds = ds_text(zone, self.rdata)

    def make(self, algorithm, more):
        self.base = sh("dnssec-keygen", "-q", "-K", self.folder, "-a",
                       algorithm, *more, "-L", "3600", self.zone).out.strip()
        with open(os.path.join(self.folder, self.base + ".key"),
                  encoding="ascii") as f:
            self.line = [x for x in f if " DNSKEY " in x][0].strip()
        self.rdata = dnskey_rdata(self.line)
        self.tag = key_tag(self.rdata)


# ---- the protocol, from PROTOCOL.md ----

class Peer:
    """One TLS connection of a client."""

    def __init__(self, port, certificate, key, timeout=10.0,
                 alpn=("ksk/1",), host="127.0.0.1"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        if alpn:
            context.set_alpn_protocols(list(alpn))
        if certificate:
            context.load_cert_chain(certificate, key)
        raw = socket.create_connection((host, port), timeout=timeout * SLOW)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = context.wrap_socket(raw)
        self.number = 0

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send_bytes(self, message):
        self.sock.sendall(struct.pack("!I", len(message)) + message)

    def send(self, op, body=None, nonce=None, number=None):
        if number is None:
            self.number += 1
            number = self.number
        request = {1: number, 2: op}
        if body is not None:
            request[3] = body
        if nonce is not None:
            request[4] = nonce
        self.send_bytes(cbor2.dumps(request, canonical=True))
        return number

    def read(self, count):
        data = b""
        while len(data) < count:
            more = self.sock.recv(count - len(data))
            if not more:
                raise ConnectionError(f"closed after {len(data)} of {count}")
            data += more
        return data

    def receive(self):
        length, = struct.unpack("!I", self.read(4))
        return cbor2.loads(self.read(length))

    def ask(self, op, body=None, **more):
        number = self.send(op, body, **more)
        reply = self.receive()
        if reply[1] != number:
            raise AssertionError(f"reply to {reply[1]}, not {number}")
        return reply


def rrset(zone, kind, ttl, rdata):
    return {1: wire_name(zone), 2: kind, 3: ttl, 4: sorted(set(rdata))}


def schedule(sets):
    """The body of sign-schedule for [(rrset, window)]."""
    pool = sorted({r for rrset_, _ in sets for r in rrset_[4]})
    place = {r: i for i, r in enumerate(pool)}
    return {1: sets[0][0][1], 2: pool, 3: [
        {1: s[2], 2: s[3], 3: sorted(place[r] for r in s[4]), 4: w}
        for s, w in sets]}


class Appliance:
    """kskd with a SoftHSM token, or that of a module of
    tests/token/modules.py. Use as a context manager."""

    def __init__(self, workers=2, build=BUILD, start=True, name="a b",
                 module=None):
        self.build, self.module = build, module
        self.workers = module.workers if module is not None else workers
        self.dir = tempfile.mkdtemp(prefix=f"ksk {name}.")
        os.chmod(self.dir, 0o711)
        for folder in ("etc", "state"):
            os.mkdir(self.path(folder), 0o711)
        self.port = free_port()
        self.process, self.log = None, self.path("kskd.log")
        self.version = 0
        self.zones, self.clients, self.ksks = [], {}, {}
        self.extra_config = ""
        self.reserve = "1MiB"
        self.start_at_once = start
        _MADE.add(self)

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop(check=False)
        shutil.rmtree(self.dir, ignore_errors=True)

    # -- files --
    def write(self, name, text, mode=0o644):
        path = self.path(name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def users(self):
        if os.getuid() != 0:
            return "{}"
        return json.dumps(USERS).replace('"', "")

    def softhsm_conf(self):
        self.write("etc/softhsm2.conf",
                   f"directories.tokendir = {self.path('tokens')}\n"
                   "objectstore.backend = file\nlog.level = ERROR\n")

    def config(self, **changes):
        values = {
            "listen": f'"127.0.0.1:{self.port}"',
            "state": f'"{self.path("state")}"',
            "policy": f'"{self.path("etc/policy.yaml")}"',
            "keymap": f'"{self.path("etc/keymap")}"',
            "accept": f'"{self.path("etc/accept")}"',
            "tls": f'{{key: "{self.path("etc/tls.key")}", '
                   f'certificate: "{self.path("etc/tls.crt")}"}}',
            "users": self.users(),
            "authority": "{mode: file}",
            "clock": "{synchronised: no}",
            "journal": f'{{path: "{self.path("state/journal/journal.db")}",'
                       f' reserve: {self.reserve}}}',
            "tokens": self.module.entry(self.path("etc/pin.main"))
            if self.module is not None else f"""
  - name: main
    module: {SOFTHSM}
    uri: "pkcs11:token=ksk"
    pin: {{file: "{self.path('etc/pin.main')}"}}
    workers: {self.workers}
    environment: ["SOFTHSM2_CONF={self.path('etc/softhsm2.conf')}"]
    paths:
      - {{path: "{self.path('tokens')}", access: rw}}
      - {{path: "{self.path('etc/softhsm2.conf')}", access: r}}
""",
        }
        values.update(changes)
        self.write("etc/kskd.yaml", "".join(
            f"{k}: {v}\n" for k, v in values.items() if v is not None))

    def tool(self, name):
        return os.path.join(self.build, name)

    def kskadm(self, *argv, check=True):
        return sh(self.tool("kskadm"), "-c", self.path("etc/kskd.yaml"),
                  *argv, check=check)

    # -- making one --
    def make(self):
        """Identity and token; keys, clients and policy come after."""
        if self.module is None:
            self.softhsm_conf()
        self.config()
        self.kskadm("init")
        self.kskadm("tls", "init")
        if self.module is None:
            self.kskadm("token", "init", "main", "--generate-pin")
        else:
            self.module.make_token(self)
        with open(self.path("state/appliance-id"), encoding="ascii") as f:
            self.id = f.read().strip()
        self.server_pin = self.kskadm("tls", "pin").out.split()[-1]
        return self

    def add_ksk(self, zone, label, algorithm=13, bits=None, token="main"):
        more = ["--bits", bits] if bits else []
        out = self.kskadm("key", "generate", "--token", token, "--zone", zone,
                          "--algorithm", algorithm, "--label", label,
                          *more).out
        line = [x for x in out.splitlines() if " DNSKEY " in x][0]
        rdata = dnskey_rdata(line)
        self.ksks[label] = rdata
        revoked = rdata[:1] + bytes([rdata[1] | 0x80]) + rdata[2:]
        _TAGS.update((key_tag(rdata), key_tag(revoked)))
        return rdata

    def add_client(self, name, may="read, sign"):
        """A key and certificate made by openssl; returns its pin."""
        key, crt = self.path(f"{name}.key"), self.path(f"{name}.crt")
        sh("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
           "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", crt,
           "-days", "30", "-subj", f"/CN={name}")
        self.clients[name] = (self.pin_of(crt), may)
        return self.clients[name][0]

    @staticmethod
    def pin_of(certificate):
        spki = sh("openssl", "x509", "-in", certificate, "-noout",
                  "-pubkey").out
        der = base64.b64decode("".join(
            x for x in spki.splitlines() if "-----" not in x))
        return hashlib.sha256(der).hexdigest()

    def add_zone(self, zone, ksks, providers, clients=("auto",), **more):
        """ksks: labels, or (label, text of more entries). providers: {name:
        [Zsk or DS text]}. more: replaces or adds keys of the zone."""
        self.zones.append((zone, ksks, providers, clients, more))

    def policy_text(self):
        self.version += 1
        text = (f"kind: policy\nappliance: {self.id}\n"
                f"version: {self.version}\nclients:\n")
        for name, (pin, may) in self.clients.items():
            text += f"  - {{name: {name}, pin: {pin}, may: [{may}]}}\n"
        if not self.clients:
            text = text.replace("clients:\n", "clients: []\n")
        text += "zones:\n" if self.zones else "zones: []\n"
        for zone, ksks, providers, clients, more in self.zones:
            keys = {
                "clients": f"[{', '.join(clients)}]",
                "ttl": "1h",
                "sign": "[DNSKEY, CDS, CDNSKEY]",
                "signature": "{validity: 14d, refresh: 5d, inception-offset:"
                             " 1h, horizon: 0, min-validity: 1d}",
                "waits": "{zone-max-ttl: 1d, propagation: 1h, sign-delay: 1h,"
                         " parent-ds-ttl: 1d, parent-propagation: 1h}",
                "rate": "1000000/1h",
                "new-zone": "yes",
            }
            keys.update(more)
            text += f"  - name: {zone}\n"
            for key, value in keys.items():
                if value is not None:
                    text += f"    {key}: {value}\n"
            text += "    ksk:\n" if ksks else "    ksk: []\n"
            for ksk in ksks:
                label, entries = ksk if isinstance(ksk, tuple) else \
                    (ksk, "from: 2020-01-01T00:00:00Z, cds: yes")
                ds = ds_text(zone, self.ksks[label])
                text += (f'      - {{token: main, label: {label}, ds: "{ds}",'
                         f" {entries}}}\n")
            text += "    providers:\n" if providers else \
                "    providers: []\n"
            for name, zsks in providers.items():
                keys = ", ".join(
                    k if isinstance(k, str) and k.startswith("{") else
                    '{ds: "%s"}' % (k if isinstance(k, str) else k.ds)
                    for k in zsks)
                text += (f"      - {{name: {name}, state: serving, source: "
                         f"pinned, keys: [{keys}], max-keys: 3, "
                         "proof: none}\n")
        return text

    def write_policy(self, text=None):
        self.write("etc/policy.yaml",
                   self.policy_text() if text is None else text)

    # -- running --
    def start(self, ready=True):
        out = open(self.log, "ab")
        self.process = subprocess.Popen(
            [self.tool("kskd"), "-c", self.path("etc/kskd.yaml")],
            stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            start_new_session=True)
        out.close()
        if ready:
            self.wait_ready()
        return self

    def wait_ready(self, client="auto", seconds=20):
        def up():
            if self.process.poll() is not None:
                raise AssertionError("kskd is gone:\n" + self.log_text())
            try:
                with self.peer(client) as peer:
                    return peer.ask(STATUS)[3][4] == 0
            except (OSError, KeyError):
                return False
        wait_for(up, seconds)

    def stop(self, check=True, seconds=10):
        if self.process is None:
            return None
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(seconds * SLOW)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            status = self.process.wait()
        self.process = None
        if check and status != 0:
            raise AssertionError(f"kskd ended with {status}:\n"
                                 + self.log_text())
        return status

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def log_text(self):
        try:
            with open(self.log, encoding="utf-8", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def log_lines(self, event):
        return [x for x in self.log_text().splitlines()
                if re.search(rf"\b{re.escape(event)}\b", x)]

    def children(self):
        """{program: [pid]} of kskd's children, oldest first."""
        found = {}
        out = sh("ps", "-o", "pid=,args=", "--sort=start_time", "--ppid",
                 self.process.pid, check=False).out
        for line in out.splitlines():
            pid, args = line.split(None, 1)
            found.setdefault(os.path.basename(
                args.split("/")[-1].split()[0]), []).append(int(pid))
        return found

    def peer(self, client="auto", **more):
        return Peer(self.port, self.path(f"{client}.crt"),
                    self.path(f"{client}.key"), **more)

    # -- asking --
    def keyset(self, zone, zsks, ksks=None):
        """The RRset of ZSKs and KSKs as `sign` takes it."""
        labels = ksks if ksks is not None else \
            [k[0] if isinstance(k, tuple) else k
             for z, ks, *_ in self.zones if z == zone for k in ks]
        return rrset(zone, DNSKEY, 3600,
                     [k.rdata if isinstance(k, Zsk) else k for k in zsks]
                     + [self.ksks[x] for x in labels])

    def sign(self, peer, zone, zsks, **more):
        body = {1: self.keyset(zone, zsks)}
        body.update(more.pop("body", {}))
        return peer.ask(SIGN, body, **more)

    @staticmethod
    def last_answer(peer, zone, kind=DNSKEY, **more):
        return peer.ask(LAST_ANSWER, {1: wire_name(zone), 2: kind}, **more)

    @staticmethod
    def adopt(peer, keyset, rrsigs, **more):
        return peer.ask(ADOPT, {1: keyset, 2: list(rrsigs)}, **more)

    # -- a judge that is not ours --
    def validate(self, zone, keyset, rrsigs, zsk):
        """dnssec-verify over a zone whose data a provider signed."""
        folder = tempfile.mkdtemp(dir=self.dir)
        lines = [dnskey_line(zone, r, keyset[3]) for r in keyset[4]]
        unsigned = os.path.join(folder, "unsigned")
        with open(unsigned, "w", encoding="ascii") as f:
            f.write(f"$ORIGIN {zone}\n$TTL 3600\n"
                    f"@ SOA ns h 1 3600 900 604800 3600\n@ NS ns\n"
                    "ns A 192.0.2.1\n" + "\n".join(lines) + "\n")
        signed = os.path.join(folder, "signed")
        sh("dnssec-signzone", "-q", "-P", "-x", "-K", zsk.folder, "-o", zone,
           "-f", signed, unsigned, os.path.join(zsk.folder, zsk.base),
           cwd=folder)
        with open(signed, "a", encoding="ascii") as f:
            for rdata in rrsigs:
                f.write(rrsig_line(zone, rdata, keyset[3]) + "\n")
        return sh("dnssec-verify", "-o", zone, signed, check=False)


def standard(zone="lab.example.", workers=2, **more):
    """An appliance with one zone, one KSK, two providers with a ZSK each."""
    a = Appliance(workers=workers, **more)
    try:
        a.make()
        a.add_ksk(zone, "ksk1")
        a.add_client("auto")
        a.zsk1 = Zsk(a.path("alpha"), zone)
        a.zsk2 = Zsk(a.path("beta"), zone)
        a.zone = zone
        a.add_zone(zone, ["ksk1"], {"alpha": [a.zsk1], "beta": [a.zsk2]})
        a.write_policy()
    except BaseException:
        a.__exit__()
        raise
    return a
