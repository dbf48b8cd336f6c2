# SPDX-License-Identifier: BSD-2-Clause
"""A PKCS#11 module called from Python, to make the tokens that no tool makes:
two keys with one label, ids that are empty, halves that are missing."""
import ctypes
import hashlib
import os
import struct
import subprocess

SOFTHSM = "/usr/lib/softhsm/libsofthsm2.so"

CKO_PUBLIC, CKO_PRIVATE = 2, 3
CKK_RSA, CKK_EC, CKK_EDWARDS = 0, 3, 0x40
A = dict(CLASS=0, TOKEN=1, PRIVATE=2, LABEL=3, APPLICATION=0x10, VALUE=0x11,
         KEY_TYPE=0x100, ID=0x102,
         SENSITIVE=0x103, ENCRYPT=0x104, DECRYPT=0x105, WRAP=0x106,
         UNWRAP=0x107, SIGN=0x108, VERIFY=0x10a, DERIVE=0x10c, MODULUS=0x120,
         MODULUS_BITS=0x121, EXPONENT=0x122, EXTRACTABLE=0x162,
         NEVER_EXTRACTABLE=0x164, ALWAYS_SENSITIVE=0x165, EC_PARAMS=0x180,
         EC_POINT=0x181, ALLOWED_MECHANISMS=0x40000600)
CURVE = {13: bytes.fromhex("06082a8648ce3d030107"),
         14: bytes.fromhex("06052b81040022"),
         15: bytes.fromhex("130c656477617264733235353139"),
         16: bytes.fromhex("06032b6571")}


class Attribute(ctypes.Structure):
    _fields_ = [("type", ctypes.c_ulong), ("value", ctypes.c_void_p),
                ("length", ctypes.c_ulong)]


class Mechanism(ctypes.Structure):
    _fields_ = [("type", ctypes.c_ulong), ("value", ctypes.c_void_p),
                ("length", ctypes.c_ulong)]


class TokenError(Exception):
    def __init__(self, call, rv):
        super().__init__(f"{call}: {rv:#x}")
        self.rv = rv


class Template:
    """Attributes as an array; keeps their memory."""

    def __init__(self, values):
        self.keep = []
        self.array = (Attribute * len(values))()
        for slot, (name, value) in zip(self.array, values.items()):
            if isinstance(value, bool):
                value = bytes([value])
            elif isinstance(value, int):
                value = struct.pack("@L", value)
            elif isinstance(value, str):
                value = value.encode()
            buf = ctypes.create_string_buffer(value, max(1, len(value)))
            self.keep.append(buf)
            slot.type = A[name]
            slot.value = ctypes.cast(buf, ctypes.c_void_p)
            slot.length = len(value)

    def __len__(self):
        return len(self.array)


class Store:
    """One SoftHSM configuration with its own folder of tokens."""

    def __init__(self, folder):
        self.folder = folder
        self.tokens = os.path.join(folder, "tokens")
        self.conf = os.path.join(folder, "softhsm2.conf")
        os.makedirs(self.tokens, mode=0o700)
        with open(self.conf, "w", encoding="ascii") as f:
            f.write(f"directories.tokendir = {self.tokens}\n"
                    "objectstore.backend = file\nlog.level = ERROR\n"
                    "slots.removable = false\n")

    def environment(self):
        return dict(os.environ, SOFTHSM2_CONF=self.conf)

    def make_token(self, label, pin="1234"):
        subprocess.run(["softhsm2-util", "--init-token", "--free", "--label",
                        label, "--so-pin", "12345678", "--pin", pin],
                       env=self.environment(), check=True,
                       stdout=subprocess.DEVNULL)


class Session:
    """A logged-in session on the token of a label; a context manager."""

    def __init__(self, store, label, pin="1234", module=SOFTHSM):
        os.environ["SOFTHSM2_CONF"] = store.conf
        self.lib = ctypes.CDLL(module)
        self.label, self.pin = label, pin

    def call(self, name, *args):
        rv = getattr(self.lib, name)(*args)
        if rv != 0:
            raise TokenError(name, rv)

    def __enter__(self):
        self.call("C_Initialize", None)
        slots = (ctypes.c_ulong * 64)()
        count = ctypes.c_ulong(64)
        self.call("C_GetSlotList", 1, slots, ctypes.byref(count))
        info = ctypes.create_string_buffer(512)
        for slot in slots[:count.value]:
            self.call("C_GetTokenInfo", ctypes.c_ulong(slot), info)
            if info.raw[:32].rstrip(b" ") == self.label.encode():
                break
        else:
            self.lib.C_Finalize(None)
            raise TokenError(f"no token {self.label}", 0)
        self.h = ctypes.c_ulong()
        self.call("C_OpenSession", ctypes.c_ulong(slot), ctypes.c_ulong(6),
                  None, None, ctypes.byref(self.h))
        self.call("C_Login", self.h, ctypes.c_ulong(1), self.pin.encode(),
                  ctypes.c_ulong(len(self.pin)))
        return self

    def __exit__(self, *_):
        self.lib.C_CloseSession(self.h)
        self.lib.C_Finalize(None)

    def generate(self, algorithm, label, ident, bits=2048, public=None,
                 private=None):
        """-> (public handle, private handle)"""
        pub = dict(TOKEN=True, VERIFY=True, LABEL=label, ID=ident)
        priv = dict(TOKEN=True, PRIVATE=True, SENSITIVE=True,
                    EXTRACTABLE=False, SIGN=True, LABEL=label, ID=ident)
        if algorithm in (8, 10):
            pub.update(MODULUS_BITS=bits, EXPONENT=b"\x01\x00\x01")
            mechanism = 0
        else:
            pub.update(EC_PARAMS=CURVE[algorithm])
            mechanism = 0x1040 if algorithm < 15 else 0x1055
        pub.update(public or {})
        priv.update(private or {})
        pub, priv = Template(pub), Template(priv)
        m = Mechanism(mechanism, None, 0)
        a, b = ctypes.c_ulong(), ctypes.c_ulong()
        self.call("C_GenerateKeyPair", self.h, ctypes.byref(m), pub.array,
                  ctypes.c_ulong(len(pub)), priv.array,
                  ctypes.c_ulong(len(priv)), ctypes.byref(a), ctypes.byref(b))
        return a.value, b.value

    def create(self, values):
        template = Template(values)
        handle = ctypes.c_ulong()
        self.call("C_CreateObject", self.h, template.array,
                  ctypes.c_ulong(len(template)), ctypes.byref(handle))
        return handle.value

    def destroy(self, handle):
        self.call("C_DestroyObject", self.h, ctypes.c_ulong(handle))

    def find(self, values):
        template = Template(values)
        self.call("C_FindObjectsInit", self.h, template.array,
                  ctypes.c_ulong(len(template)))
        found = (ctypes.c_ulong * 8192)()
        count = ctypes.c_ulong()
        self.call("C_FindObjects", self.h, found, ctypes.c_ulong(8192),
                  ctypes.byref(count))
        self.call("C_FindObjectsFinal", self.h)
        return list(found[:count.value])

    def get(self, handle, name):
        buf = ctypes.create_string_buffer(2048)
        a = Attribute(A[name], ctypes.cast(buf, ctypes.c_void_p), 2048)
        self.call("C_GetAttributeValue", self.h, ctypes.c_ulong(handle),
                  ctypes.byref(a), ctypes.c_ulong(1))
        return buf.raw[:a.length]

    def dnskey(self, public, algorithm):
        """RDATA with flags 257 of a public key object."""
        if algorithm in (8, 10):
            e = self.get(public, "EXPONENT").lstrip(b"\0")
            key = bytes([len(e)]) + e + self.get(public, "MODULUS")
        else:
            size = {13: 65, 14: 97, 15: 32, 16: 57}[algorithm]
            key = self.get(public, "EC_POINT")[-size:]
            if algorithm < 15:
                key = key[1:]
        return bytes([1, 1, 3, algorithm]) + key


def tag(rdata):
    """Key tag, RFC 4034 B."""
    total = 0
    for i, byte in enumerate(rdata):
        total += byte if i & 1 else byte << 8
    return (total + (total >> 16 & 0xffff)) & 0xffff


def wire(name):
    out = b""
    for label in name.rstrip(".").lower().split("."):
        out += bytes([len(label)]) + label.encode()
    return out + b"\0"


def ds(zone, rdata, digest_type=2):
    """(tag, algorithm, digest type, digest), RFC 4034 5.1.4."""
    h = {2: hashlib.sha256, 4: hashlib.sha384}[digest_type]
    return tag(rdata), rdata[3], digest_type, h(wire(zone) + rdata).digest()
