# SPDX-License-Identifier: BSD-2-Clause
"""The verdict of a policy on a request, a second time and independently:
written from kskd.policy(5), PROTOCOL.md and the RFCs, in plain Python with
big integers for curves and ctypes to libcrypto for signatures. Nothing of the
product is used.

A policy is a list of zones as test_differential.py makes them; a DS is
(tag, algorithm, digest type, digest).
"""
import ctypes
import ctypes.util
import hashlib
import struct
import time

DONE, REFUSED, NOT_AUTHORISED, UNKNOWN_ZONE = 0, 2, 3, 4
HASHES = {2: hashlib.sha256, 4: hashlib.sha384}
TYPES = {48: "DNSKEY", 59: "CDS", 60: "CDNSKEY"}
ZSK, KSK, REVOKED = 256, 257, 385


# ---- names, keys, digests ----

def wire(text, upper=False):
    text = text.upper() if upper else text.lower()
    return b"".join(bytes([len(x)]) + x.encode()
                    for x in text.split(".") if x) + b"\0"


def key_tag(rdata):
    if rdata[3] == 1:
        return int.from_bytes(rdata[-3:-1], "big") if len(rdata) >= 7 else 0
    odd = rdata + b"\0" * (len(rdata) % 2)
    total = sum(struct.unpack(f"!{len(odd) // 2}H", odd))
    return (total + (total >> 16)) & 0xffff


def revoke(rdata):
    return rdata[:1] + bytes([rdata[1] | 0x80]) + rdata[2:]


def ds_of(zone, rdata, kind, upper=False):
    digest = HASHES[kind](wire(zone, upper) + rdata).digest()
    return key_tag(rdata), rdata[3], kind, digest


def other_ds(zone, rdata, ds):
    return ds_of(zone, rdata, 6 - ds[2])


def ds_rdata(ds):
    return struct.pack("!HBB", *ds[:3]) + ds[3]


def ds_read(rdata):
    """None if it is no DS of type 2 or 4 with the right length."""
    if len(rdata) < 4:
        return None
    tag, algorithm, kind = struct.unpack("!HBB", rdata[:4])
    if len(rdata) - 4 != {2: 32, 4: 48}.get(kind):
        return None
    return tag, algorithm, kind, rdata[4:]


def ds_matches(ds, zone, rdata):
    return len(rdata) > 4 and ds_of(zone, rdata, ds[2]) == ds


def same_key(a, b):
    return a[:2] == b[:2] and (a[2] != b[2] or a == b)


# ---- curves ----

P256 = (2 ** 256 - 2 ** 224 + 2 ** 192 + 2 ** 96 - 1,
        0x5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b)
P384 = (2 ** 384 - 2 ** 128 - 2 ** 96 + 2 ** 32 - 1,
        int("b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875a"
            "c656398d8a2ed19d2a85c8edd3ec2aef", 16))


def on_curve(key, curve):
    p, b = curve
    half = len(key) // 2
    x, y = int.from_bytes(key[:half], "big"), int.from_bytes(key[half:], "big")
    return x < p and y < p and (y * y - (x ** 3 - 3 * x + b)) % p == 0


def random_point(r, curve, size):
    p, b = curve
    while True:
        x = r.randrange(p)
        square = (x ** 3 - 3 * x + b) % p
        y = pow(square, (p + 1) // 4, p)
        if y * y % p == square:
            return x.to_bytes(size, "big") + y.to_bytes(size, "big")


class Edwards:
    def __init__(self, p, a, d, size):
        self.p, self.a, self.d, self.size = p, a, d, size

    def x_of(self, y):
        """A square root of x^2, None if there is none."""
        p = self.p
        u, v = (1 - y * y) % p, (self.a - self.d * y * y) % p
        square = u * pow(v, p - 2, p) % p
        if p % 4 == 3:
            x = pow(square, (p + 1) // 4, p)
        else:
            x = pow(square, (p + 3) // 8, p)
            if x * x % p != square:
                x = x * pow(2, (p - 1) // 4, p) % p
        return x if x * x % p == square else None

    def add(self, one, two):
        p, (x1, y1), (x2, y2) = self.p, one, two
        t = self.d * x1 * x2 * y1 * y2 % p
        return ((x1 * y2 + x2 * y1) * pow(1 + t, p - 2, p) % p,
                (y1 * y2 - self.a * x1 * x2) * pow(1 - t, p - 2, p) % p)

    def good(self, key):
        """RFC 8032 decoding, and not of small order."""
        y = int.from_bytes(key, "little")
        top = 8 * self.size - 1
        sign, y = y >> top, y & ((1 << top) - 1)
        if y >= self.p:
            return False
        x = self.x_of(y)
        if x is None or (x == 0 and sign):
            return False
        point = (x, y)
        for _ in range(3):
            point = self.add(point, point)
        return point != (0, 1)


ED25519 = Edwards(2 ** 255 - 19, -1, -121665 * pow(121666, 2 ** 255 - 21,
                                                   2 ** 255 - 19), 32)
ED448 = Edwards(2 ** 448 - 2 ** 224 - 1, 1, -39081, 57)


def random_edwards(r, curve):
    while True:
        key = bytes(r.randrange(256) for _ in range(curve.size - 1)) + bytes(
            [r.randrange(256) & (0xff if curve.size == 32 else 0x80)])
        if curve.good(key):
            return key


def random_rsa(r, bits, exponent=b"\x03\x01\x00\x01"):
    modulus = r.getrandbits(bits) | 1 | 1 << (bits - 1)
    return exponent + modulus.to_bytes((bits + 7) // 8, "big")


def random_key(r, algorithm, bits=2048):
    """Protocol, algorithm and a good public key."""
    head = bytes([3, algorithm])
    if algorithm == 13:
        return head + random_point(r, P256, 32)
    if algorithm == 14:
        return head + random_point(r, P384, 48)
    if algorithm == 15:
        return head + random_edwards(r, ED25519)
    if algorithm == 16:
        return head + random_edwards(r, ED448)
    return head + random_rsa(r, bits)


def odd_rsa(r):
    """RSA public keys at and beyond the edges."""
    e = r.choice((1, 2, 3, 4, 65537, 2 ** 32 + 1, 2 ** 33 - 1, 2 ** 33,
                  2 ** 33 + 1, 2 ** 40 + 1, 2 ** 64 - 1, 2 ** 64 + 1,
                  2 ** 520 + 1))
    raw = e.to_bytes((e.bit_length() + 7) // 8, "big")
    form = r.randrange(8)
    if form == 0:
        raw = b"\0" + raw
    head = bytes([len(raw)]) if len(raw) < 256 else b"\0" + len(
        raw).to_bytes(2, "big")
    if form == 1:
        head = b"\0" + len(raw).to_bytes(2, "big")
    if form == 2:
        head = bytes([r.choice((0, len(raw) + 1, 255))])
    bits = r.choice((512, 1023, 1024, 1025, 2047, 2048, 2049, 4095, 4096,
                     4097, 8000))
    modulus = r.getrandbits(bits) | 1 << (bits - 1) | (r.random() < 0.8)
    body = modulus.to_bytes((bits + 7) // 8, "big")
    if form == 3:
        body = b"\0" + body
    if form == 4:
        body = b""
    return head + raw + body


def odd_point(r):
    """Algorithm and a key of any length around the right one."""
    algorithm, right = r.choice(((13, 64), (14, 96), (15, 32), (16, 57)))
    n = r.choice((right,) * 4 + (right - 1, right + 1, right // 2, 2 * right,
                                 0, 1))
    kind = r.randrange(5)
    if kind == 0:
        key = bytes(n)
    elif kind == 1:
        key = b"\xff" * n
    elif kind == 2:
        key = b"\1" + bytes(max(0, n - 1))
    elif kind == 3:
        key = (b"\4" + random_key(r, algorithm)[2:])[:n]
    else:
        key = bytes(r.randrange(256) for _ in range(n))
    return bytes([algorithm]) + key[:n]


def same_tag(r, rdata):
    """Another key of the algorithm with the same tag, None if it takes long.
    Only where any bytes make a good key."""
    if len(rdata) < 200 or rdata[3] not in (8, 10):
        return None
    out = bytearray(rdata)
    at = 60 + 2 * r.randrange(30)
    a = int.from_bytes(out[at:at + 2], "big")
    b = int.from_bytes(out[at + 2:at + 4], "big")
    if a == b:
        return None
    out[at:at + 2], out[at + 2:at + 4] = out[at + 2:at + 4], out[at:at + 2]
    return bytes(out)


def rsa_split(key):
    """(exponent, modulus) as bytes, or None (RFC 3110 2)."""
    if not key:
        return None
    n, at = key[0], 1
    if n == 0:
        n, at = int.from_bytes(key[1:3], "big"), 3
        if len(key) < 3 or n < 256:
            return None
    e, m = key[at:at + n], key[at + n:]
    if len(e) != n or not m or e[0] == 0 or m[0] == 0:
        return None
    return e, m


def rsa_bits(key):
    parts = rsa_split(key)
    return int.from_bytes(parts[1], "big").bit_length() if parts else 0


def well_formed(algorithm, key, cache={}):
    """True, False, or None for an algorithm without a form."""
    if algorithm not in (5, 7, 8, 10, 13, 14, 15, 16):
        return None
    known = cache.get((algorithm, key))
    if known is None:
        known = cache[(algorithm, key)] = form(algorithm, key)
        if len(cache) > 20000:
            cache.clear()
    return known


def form(algorithm, key):
    if algorithm == 13:
        return len(key) == 64 and on_curve(key, P256)
    if algorithm == 14:
        return len(key) == 96 and on_curve(key, P384)
    if algorithm == 15:
        return len(key) == 32 and ED25519.good(key)
    if algorithm == 16:
        return len(key) == 57 and ED448.good(key)
    parts = rsa_split(key)
    if parts is None or not 1024 <= rsa_bits(key) <= 4096:
        return False
    e = int.from_bytes(parts[0], "big")
    return parts[1][-1] % 2 == 1 and e % 2 == 1 and 3 <= e <= 2 ** 33


# ---- the policy ----

def in_time(k, at):
    return k["from"] <= at and (k["until"] is None or at < k["until"])


def standing(z, at):
    parent = z["parent"] or []

    def held(k):
        return any(same_key(k["ds"], d) for d in parent)

    def served(algorithm):
        return any(k["ds"][1] == algorithm and not k["revoked"]
                   and in_time(k, at) and held(k) for k in z["ksks"])
    return [k for k in z["ksks"] if in_time(k, at) or (
        not k["revoked"] and held(k) and not served(k["ds"][1]))]


def default_window(z, now):
    inception = now - z["offset"]
    return inception, inception + z["validity"]


class Key:
    """One record of a DNSKEY set under a zone's policy."""

    def __init__(self, z, rdata, at):
        self.rdata = rdata
        self.readable = len(rdata) > 4
        self.own = self.cosigner = None
        self.owners = []
        self.active = False
        if not self.readable:
            return
        self.flags, self.protocol, self.algorithm = struct.unpack(
            "!HBB", rdata[:4])
        self.key, self.tag = rdata[4:], key_tag(rdata)
        if self.flags in (KSK, REVOKED):
            plain = rdata[:1] + b"\x01" + rdata[2:]
            self.own = next((k for k in z["ksks"]
                             if ds_matches(k["ds"], z["name"], plain)), None)
        self.cosigner = next((c for c in z["cosigners"]
                              if ds_matches(c["ds"], z["name"], rdata)), None)
        self.active = self.cosigner is not None and (
            self.cosigner["until"] is None or at < self.cosigner["until"])
        if self.flags == ZSK:
            for p in z["providers"]:
                mine = [e for e in p["keys"]
                        if ds_matches(e["ds"], z["name"], rdata)]
                if mine:
                    self.owners.append(
                        (p, any(e["withdrawn"] for e in mine)))

    def signs_for(self, p):
        if self.active:
            return self.cosigner["csk"] and self.cosigner["provider"] == \
                p["name"]
        return len(self.owners) == 1 and self.owners[0][0] is p and \
            not self.owners[0][1]

    def signs_data(self):
        return self.readable and (
            self.flags == ZSK or (self.active and self.cosigner["csk"]))


def is_needed(z, p, at):
    return p["state"] == "serving" or (p["state"] == "leaving" and (
        p["gone"] is None or at < p["gone"] + z["max_ttl"]))


def window_wrong(z, ttl, window, now):
    inception, expiration = window
    if expiration <= inception:
        return True
    length = expiration - inception
    return inception + z["validity"] < now or \
        inception > now + z["horizon"] or \
        not z["min"] <= length <= z["validity"] or \
        expiration <= max(inception, now) + max(ttl, z["ttl"]) + \
        z["propagation"]


def tags_collide(z, keys):
    pairs = {tuple(p) for p in z["tag_pairs"]}
    owners = {}
    for i, k in enumerate(keys):
        if not k.readable:
            continue
        tags = {k.tag}
        if k.flags & 1:
            tags.add(key_tag(revoke(k.rdata)))
        # Both forms of one KSK are one key.
        who = ("own", id(k.own)) if k.own is not None else ("key", i)
        for tag in tags:
            owners.setdefault((tag, k.algorithm), set()).add(who)
    return any(len(who) > 2 or (len(who) == 2 and at not in pairs)
               for at, who in owners.items())


def answer_size(z, keys, stand):
    size = 12 + len(wire(z["name"])) + 4 + 11
    size += sum(12 + len(k.rdata) for k in keys)
    for s in stand:
        algorithm = s["ds"][1]
        mine = [k for k in keys if k.own is s and k.flags == (
            REVOKED if s["revoked"] else KSK)]
        n = {13: 64, 15: 64, 14: 96, 16: 114}.get(algorithm)
        if n is None:
            n = (rsa_bits(mine[0].key) + 7) // 8 if mine else 256
        size += 12 + 18 + len(wire(z["name"])) + n
    return size


def judge_set(z, keys, stand, at):
    """Rules on a DNSKEY set that fail."""
    out = set()
    present = [s for s in stand if any(
        k.own is s and k.flags == (REVOKED if s["revoked"] else KSK)
        for k in keys)]
    due = {s["ds"][1] for s in stand if not s["revoked"]}
    signing = {s["ds"][1] for s in present if not s["revoked"]}
    for i, k in enumerate(keys):
        if not k.readable:
            out.add("key-form")
            continue
        if k.own is not None:
            if k.flags != (REVOKED if k.own["revoked"] else KSK) or any(
                    o.own is k.own for o in keys[:i]):
                out.add("key-form")
        elif k.cosigner is None and k.flags not in (ZSK, KSK):
            out.add("key-form")
        if k.protocol != 3 or well_formed(k.algorithm, k.key) is False:
            out.add("key-form")
        elif k.algorithm in (5, 7, 8, 10) and rsa_bits(k.key) < z["rsa_min"]:
            out.add("key-form")
        if k.algorithm not in z["algorithms"]:
            out.add("key-algorithm")
        if k.flags == ZSK and not k.active and (
                len(k.owners) != 1 or k.owners[0][1]):
            out.add("key-allowed")
        if k.own is None:
            if k.cosigner is not None:
                if not k.active:
                    out.add("ksk-foreign")
            elif k.flags & 1:
                out.add("ksk-foreign")
        elif k.own not in stand:
            out.add("ksk-present")
        if k.signs_data() and k.algorithm not in signing:
            out.add("algorithm-complete")
    for p in z["providers"]:
        mine = [k for k in keys if k.readable and k.signs_for(p)]
        suspended = p["keys"] and all(e["withdrawn"] for e in p["keys"])
        for algorithm in due:
            n = sum(k.algorithm == algorithm for k in mine)
            if n > p["max"] or (n == 0 and is_needed(z, p, at)
                                and not suspended):
                out.add("provider-present")
        if mine and is_needed(z, p, at) and \
                signing - {k.algorithm for k in mine}:
            out.add("algorithm-complete")
        if p["proof"] != "none" and mine:
            out.add("key-possession")
    if not stand or any(not any(k.own is s for k in keys) for s in stand):
        out.add("ksk-present")
    if tags_collide(z, keys):
        out.add("tag-unique")
    if answer_size(z, keys, stand) > 4096:
        out.add("response-size")
    ours = [d for d in z["parent"] or []
            if any(same_key(k["ds"], d) for k in z["ksks"])]
    covered = {d[1] for d in ours if any(
        k.own in present and ds_matches(d, z["name"], k.rdata)
        for k in keys if k.own is not None and k.flags == (
            REVOKED if k.own["revoked"] else KSK))}
    if {d[1] for d in ours} - covered:
        out.add("ds-covered")
    return out


def judge_parent(z, request, stand, at, now):
    """Rules on a CDS or CDNSKEY set that fail."""
    out, records = set(), request["keys"]
    cds = request["type"] == 59
    delete = b"\0\0\0\0\0" if cds else b"\0\0\3\0\0"

    def names(rdata, ds):
        return ds_read(rdata) == ds if cds else ds_matches(
            ds, z["name"], rdata)

    def is_near(rdata, ds):
        if not cds:
            return names(rdata, ds)
        have = ds_read(rdata)
        return have is not None and same_key(have, ds)
    wanted = [k["ds"] for k in z["ksks"]
              if k["cds"] and not k["revoked"] and k in stand]
    wanted += [c["ds"] for c in z["cosigners"] if c["in_parent"] and (
        c["until"] is None or at < c["until"])]
    if all(s["revoked"] for s in stand):
        out.add("cds")
    if delete in records:
        if len(records) != 1 or now >= z["delete"]:
            out.add("cds")
        return out
    if any(not any(names(r, d) for d in wanted) for r in records) or \
            any(not any(names(r, d) for r in records) for d in wanted):
        out.add("cds")
    parent = z["parent"]
    if parent is None or \
            any(not any(is_near(r, d) for r in records) for d in parent) or \
            any(not any(is_near(r, d) for d in parent) for r in records):
        out.add("early-ds")
    return out


def judge(zones, may, request, now):
    """(status, names of rules) for {client: "read, sign"}."""
    z = next((z for z in zones if wire(z["name"]) == request["owner"]), None)
    if z is None:
        return UNKNOWN_ZONE, frozenset(("zone",))
    out, client = set(), request["client"]
    if client not in z["clients"] or "sign" not in may[client]:
        out.add("client")
    if request["type"] not in z["sign"]:
        out.add("type")
    if request["ttl"] != z["ttl"]:
        out.add("ttl")
    window = request["window"] or default_window(z, now)
    if window_wrong(z, request["ttl"], window, now):
        out.add("window")
    at = max(now, window[0])
    stand = standing(z, at)
    if request["type"] == 48:
        out |= judge_set(z, [Key(z, r, at) for r in request["keys"]],
                         stand, at)
    else:
        out |= judge_parent(z, request, stand, at, now)
    if not out:
        return DONE, frozenset()
    return (NOT_AUTHORISED if "client" in out else REFUSED), frozenset(out)


# ---- a policy as text ----

def ds_text(ds):
    return f'"{ds[0]} {ds[1]} {ds[2]} {ds[3].hex()}"'


def at_text(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def ksk_text(k):
    out = f"{{token: main, ds: {ds_text(k['ds'])}"
    if k["from"]:
        out += f", from: {at_text(k['from'])}"
    if k["until"] is not None:
        out += f", until: {at_text(k['until'])}"
    if k["revoked"]:
        out += ", revoked: yes"
    return out + f", cds: {'yes' if k['cds'] else 'no'}}}"


def provider_text(p):
    keys = ", ".join("{ds: %s%s}" % (ds_text(e["ds"]), ", withdrawn: yes"
                                     if e["withdrawn"] else "")
                     for e in p["keys"])
    gone = f", gone: {at_text(p['gone'])}" if p["gone"] else ""
    return (f"{{name: {p['name']}, state: {p['state']}{gone}, source: pinned,"
            f" keys: [{keys}], max-keys: {p['max']}, proof: {p['proof']}}}")


def cosigner_text(c):
    until = f", until: {at_text(c['until'])}" if c["until"] else ""
    return (f"{{provider: {c['provider']}, role: {'csk' if c['csk'] else 'ksk'}"
            f", ds: {ds_text(c['ds'])}{until}, in-parent: "
            f"{'yes' if c['in_parent'] else 'no'}}}")


def zone_text(z):
    out = f"""  - name: {z['name']}
    clients: [{', '.join(z['clients'])}]
    ttl: {z['ttl']}s
    sign: [{', '.join(TYPES[t] for t in z['sign'])}]
    algorithms: [{', '.join(str(a) for a in z['algorithms'])}]
    rsa-min-bits: {z['rsa_min']}
    signature: {{validity: {z['validity']}s, refresh: {z['refresh']}s, \
inception-offset: {z['offset']}s, horizon: {z['horizon']}s, \
min-validity: {z['min']}s}}
    waits: {{zone-max-ttl: {z['max_ttl']}s, propagation: \
{z['propagation']}s, sign-delay: 1h, parent-ds-ttl: 1d, \
parent-propagation: 1h}}
    rate: 1000000/1h
    new-zone: yes
    accept-outage: yes
"""
    for key, entries, text in (
            ("ksk", z["ksks"], ksk_text),
            ("providers", z["providers"], provider_text),
            ("co-signers", z["cosigners"], cosigner_text)):
        out += f"    {key}:{'' if entries else ' []'}\n"
        out += "".join(f"      - {text(e)}\n" for e in entries)
    if z["parent"] is not None:
        out += "    parent-ds: {seen: 2026-01-01T00:00:00Z, ds: [%s]}\n" % \
            ", ".join(ds_text(d) for d in z["parent"])
    if z["delete"]:
        out += f"    cds-delete: {{until: {at_text(z['delete'])}}}\n"
    return out


def policy_text(appliance, version, clients, zones):
    out = (f"kind: policy\nappliance: {appliance}\nversion: {version}\n"
           "clients:\n")
    for name, (pin, may) in clients.items():
        out += f"  - {{name: {name}, pin: {pin}, may: [{may}]}}\n"
    return out + "zones:\n" + "".join(zone_text(z) for z in zones)


# ---- signatures, by OpenSSL ----

crypto = ctypes.CDLL(ctypes.util.find_library("crypto"))
crypto.d2i_PUBKEY.restype = ctypes.c_void_p
crypto.d2i_PUBKEY.argtypes = [ctypes.c_void_p, ctypes.c_void_p,
                              ctypes.c_long]
crypto.EVP_MD_CTX_new.restype = ctypes.c_void_p
crypto.EVP_MD_CTX_free.argtypes = [ctypes.c_void_p]
crypto.EVP_PKEY_free.argtypes = [ctypes.c_void_p]
crypto.EVP_get_digestbyname.restype = ctypes.c_void_p
crypto.EVP_get_digestbyname.argtypes = [ctypes.c_char_p]
crypto.EVP_DigestVerifyInit.argtypes = [ctypes.c_void_p] * 5
crypto.EVP_DigestVerify.argtypes = [
    ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p,
    ctypes.c_size_t]


def der(tag, *parts):
    body = b"".join(parts)
    n = len(body)
    head = bytes([n]) if n < 128 else bytes([0x80 | 1, n]) if n < 256 else \
        b"\x82" + n.to_bytes(2, "big")
    return bytes([tag]) + head + body


def der_uint(raw):
    raw = raw.lstrip(b"\0") or b"\0"
    return der(2, b"\0" + raw if raw[0] >= 0x80 else raw)


def spki(algorithm, key):
    """SubjectPublicKeyInfo of a DNSKEY's public key."""
    if algorithm in (8, 10):
        e, n = rsa_split(key)
        oid = bytes.fromhex("06092a864886f70d010101") + b"\x05\x00"
        key = der(0x30, der_uint(n), der_uint(e))
    elif algorithm in (13, 14):
        curve = "06082a8648ce3d030107" if algorithm == 13 else "06052b81040022"
        oid = bytes.fromhex("06072a8648ce3d0201" + curve)
        key = b"\x04" + key
    else:
        oid = bytes.fromhex("06032b6570" if algorithm == 15 else "06032b6571")
    return der(0x30, der(0x30, oid), der(3, b"\0" + key))


def openssl_verifies(algorithm, key, message, signature):
    if algorithm in (13, 14):
        half = {13: 32, 14: 48}[algorithm]
        if len(signature) != 2 * half:
            return False
        signature = der(0x30, der_uint(signature[:half]),
                        der_uint(signature[half:]))
    raw = spki(algorithm, key)
    buf = ctypes.create_string_buffer(raw, len(raw))
    pointer = ctypes.c_void_p(ctypes.addressof(buf))
    pkey = crypto.d2i_PUBKEY(None, ctypes.byref(pointer), len(raw))
    if not pkey:
        return False
    ctx = crypto.EVP_MD_CTX_new()
    digest = {8: b"SHA256", 10: b"SHA512", 13: b"SHA256",
              14: b"SHA384"}.get(algorithm)
    md = crypto.EVP_get_digestbyname(digest) if digest else None
    good = crypto.EVP_DigestVerifyInit(ctx, None, md, None, pkey) == 1 and \
        crypto.EVP_DigestVerify(ctx, signature, len(signature), message,
                                len(message)) == 1
    crypto.EVP_MD_CTX_free(ctx)
    crypto.EVP_PKEY_free(pkey)
    return good


def verify(request, window, dnskey, rrsig):
    """One RRSIG over the set as it was sent, for that window, by that key."""
    owner = request["owner"]
    labels, at = 0, 0
    while owner[at]:
        labels, at = labels + 1, at + 1 + owner[at]
    head = struct.pack("!HBBIIIH", request["type"], dnskey[3], labels,
                       request["ttl"], window[1] & 0xffffffff,
                       window[0] & 0xffffffff, key_tag(dnskey)) + owner
    if not rrsig.startswith(head):
        return False
    message = head
    for rdata in sorted(request["keys"]):
        message += owner + struct.pack(
            "!HHIH", request["type"], 1, request["ttl"], len(rdata)) + rdata
    return openssl_verifies(dnskey[3], dnskey[4:], message, rrsig[len(head):])
