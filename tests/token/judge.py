# SPDX-License-Identifier: BSD-2-Clause
"""Judges that share no code with us: the bytes that an RRSIG signs, built here
from RFC 4034, checked by libcrypto; and whole zones checked by BIND's and
ldns's verifiers."""
import base64
import ctypes
import ctypes.util
import glob
import os
import struct
import subprocess

from cryptoki import tag, wire

crypto = ctypes.CDLL(ctypes.util.find_library("crypto"))
for function in ("d2i_PUBKEY", "EVP_MD_CTX_new", "EVP_get_digestbyname"):
    getattr(crypto, function).restype = ctypes.c_void_p

SPKI = {13: "3059301306072a8648ce3d020106082a8648ce3d03010703420004",
        14: "3076301006072a8648ce3d020106052b8104002203620004",
        15: "302a300506032b6570032100", 16: "3043300506032b6571033a00"}


def der(kind, body):
    n = len(body)
    if n < 128:
        head = bytes([n])
    elif n < 256:
        head = bytes([0x81, n])
    else:
        head = bytes([0x82]) + struct.pack(">H", n)
    return bytes([kind]) + head + body


def integer(data):
    data = data.lstrip(b"\0") or b"\0"
    return der(2, (b"\0" if data[0] & 0x80 else b"") + data)


def spki(dnskey):
    algorithm, key = dnskey[3], dnskey[4:]
    if algorithm in SPKI:
        return bytes.fromhex(SPKI[algorithm]) + key
    rsa = der(0x30, integer(key[1 + key[0]:]) + integer(key[1:1 + key[0]]))
    return der(0x30, bytes.fromhex("300d06092a864886f70d0101010500") +
               der(3, b"\0" + rsa))


class Key:
    """A DNSKEY's public key in OpenSSL."""

    def __init__(self, dnskey):
        data = spki(dnskey)
        buf = ctypes.create_string_buffer(data, len(data))
        p = ctypes.c_void_p(ctypes.addressof(buf))
        self.algorithm = dnskey[3]
        self.key = ctypes.c_void_p(
            crypto.d2i_PUBKEY(None, ctypes.byref(p), len(data)))
        assert self.key.value

    def verify(self, data, signature):
        if self.algorithm in (13, 14):
            half = len(signature) // 2
            if half != {13: 32, 14: 48}[self.algorithm] or \
                    len(signature) % 2:
                return False
            signature = der(0x30, integer(signature[:half]) +
                            integer(signature[half:]))
        name = {8: b"SHA256", 10: b"SHA512", 13: b"SHA256",
                14: b"SHA384"}.get(self.algorithm)
        md = ctypes.c_void_p(crypto.EVP_get_digestbyname(name)) \
            if name else None
        ctx = ctypes.c_void_p(crypto.EVP_MD_CTX_new())
        ok = crypto.EVP_DigestVerifyInit(ctx, None, md, None, self.key) == 1 \
            and crypto.EVP_DigestVerify(
                ctx, signature, ctypes.c_size_t(len(signature)), data,
                ctypes.c_size_t(len(data))) == 1
        crypto.EVP_MD_CTX_free(ctx)
        return ok


def rrsig_head(zone, kind, ttl, window, algorithm, key_tag):
    labels = 0 if zone == "." else zone.rstrip(".").count(".") + 1
    return struct.pack(">HBBIIIH", kind, algorithm, labels, ttl,
                       window[1] & 0xffffffff, window[0] & 0xffffffff,
                       key_tag) + wire(zone)


def signed_bytes(zone, kind, ttl, rdatas, window, algorithm, key_tag):
    """RFC 4034 3.1.8.1."""
    out = rrsig_head(zone, kind, ttl, window, algorithm, key_tag)
    for rdata in sorted(rdatas):
        out += wire(zone) + struct.pack(">HHIH", kind, 1, ttl, len(rdata))
        out += rdata
    return out


def dnskey_text(zone, ttl, rdata):
    return (f"{zone} {ttl} IN DNSKEY {int.from_bytes(rdata[:2], 'big')} "
            f"{rdata[2]} {rdata[3]} {base64.b64encode(rdata[4:]).decode()}\n")


def rrsig_text(zone, kind, ttl, window, algorithm, key_tag, signature):
    import time
    times = [time.strftime("%Y%m%d%H%M%S", time.gmtime(t))
             for t in (window[1], window[0])]
    labels = zone.rstrip(".").count(".") + 1
    return (f"{zone} {ttl} IN RRSIG {kind} {algorithm} {labels} {ttl} "
            f"{times[0]} {times[1]} {key_tag} {zone} "
            f"{base64.b64encode(signature).decode()}\n")


def run(argv, **keywords):
    return subprocess.run(argv, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False,
                          **keywords)


def make_zsk(folder, zone, algorithm):
    """A ZSK by dnssec-keygen -> (its RDATA, its file's name without end)"""
    argv = ["dnssec-keygen", "-q", "-K", folder, "-a", str(algorithm)]
    if algorithm in (8, 10):
        argv += ["-b", "2048"]
    done = run(argv + [zone])
    assert done.returncode == 0, done.stdout
    base = os.path.join(folder, done.stdout.split()[-1])
    with open(base + ".key", encoding="ascii") as f:
        words = [x for x in f if not x.startswith(";")][0].split()
    at = words.index("DNSKEY")
    rdata = struct.pack(">HBB", *map(int, words[at + 1:at + 4]))
    return rdata + base64.b64decode("".join(words[at + 4:])), base


def judge_zone(folder, zone, ksk, zsk, zsk_base, ttl, window, signature):
    """Signs a small zone with the ZSK, puts the KSK's RRSIG in, and lets
    dnssec-verify and ldns-verify-zone judge. -> list of complaints"""
    text = (f"{zone} {ttl} IN SOA ns.{zone} root.{zone} 1 3600 600 86400 60\n"
            f"{zone} {ttl} IN NS ns.{zone}\nns.{zone} {ttl} IN A 192.0.2.1\n" +
            dnskey_text(zone, ttl, ksk) + dnskey_text(zone, ttl, zsk))
    plain = os.path.join(folder, "plain")
    signed = os.path.join(folder, "signed")
    with open(plain, "w", encoding="ascii") as f:
        f.write(text)
    done = run(["dnssec-signzone", "-P", "-z", "-S", "-K", folder, "-O",
                "full", "-o", zone, "-f", signed, plain], cwd=folder)
    if not os.path.exists(signed):
        return [done.stdout]
    with open(signed, encoding="ascii") as f:
        # The ZSK's own RRSIG over the keys goes: ours must do alone.
        lines = [x for x in f if not x.startswith(";") and
                 x.split()[3:5] != ["RRSIG", "DNSKEY"]]
    lines.append(rrsig_text(zone, "DNSKEY", ttl, window, ksk[3], tag(ksk),
                            signature))
    with open(signed, "w", encoding="ascii") as f:
        f.writelines(lines)
    bad = []
    for argv in (["dnssec-verify", "-o", zone, signed],
                 ["ldns-verify-zone", signed]):
        done = run(argv)
        if done.returncode != 0:
            bad.append(f"{argv[0]}: {done.stdout}")
    for path in glob.glob(zsk_base + "*"):
        os.remove(path)
    return bad
