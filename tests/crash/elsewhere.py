#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""RRSIGs that no appliance gave, made with an ECDSA P-256 KSK in a token: as a
tool signs that a zone was served by before. In a process of its own, for it
loads the module.

    elsewhere.py CONF TOKEN LABEL ZONE < pin, ksk, TTL, RDATA …, "", windows
"""
import ctypes
import hashlib
import os
import sys
import types

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))), "token"))
import cryptoki  # noqa: E402
import judge  # noqa: E402

CKM_ECDSA, CKO_PRIVATE_KEY, DNSKEY = 0x1041, 3, 48


def sign(session, key, data):
    mechanism = cryptoki.Mechanism(CKM_ECDSA, None, 0)
    session.call("C_SignInit", session.h, ctypes.byref(mechanism),
                 ctypes.c_ulong(key))
    digest, out = hashlib.sha256(data).digest(), \
        ctypes.create_string_buffer(64)
    length = ctypes.c_ulong(64)
    session.call("C_Sign", session.h, digest, ctypes.c_ulong(32), out,
                 ctypes.byref(length))
    return out.raw[:length.value]


def main(conf, token, label, zone):
    pin, ksk, ttl, *rest = sys.stdin.read().split("\n")
    ksk, ttl, at = bytes.fromhex(ksk), int(ttl), rest.index("")
    rdatas = [bytes.fromhex(x) for x in rest[:at]]
    tag = cryptoki.tag(ksk)
    with cryptoki.Session(types.SimpleNamespace(conf=conf), token,
                          pin) as session:
        key, = session.find({"CLASS": CKO_PRIVATE_KEY, "LABEL": label})
        for line in rest[at + 1:]:
            window = tuple(int(x) for x in line.split())
            data = judge.signed_bytes(zone, DNSKEY, ttl, rdatas, window,
                                      ksk[3], tag)
            print((judge.rrsig_head(zone, DNSKEY, ttl, window, ksk[3], tag)
                   + sign(session, key, data)).hex())


if __name__ == "__main__":
    main(*sys.argv[1:])
