#!/usr/bin/python3
"""PROTOCOL.md says what the sources do: its tables hold the ops, statuses,
states and rules of the headers, its limits are those of limits.h, and its
examples are what another encoder (cbor2) makes of their content.
"""
import os
import re
import struct
import subprocess
import sys
import unittest

import cbor2

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))


def read(*path):
    with open(os.path.join(TOP, *path), encoding="utf-8") as f:
        return f.read()


DOCUMENT = read("protocol", "PROTOCOL.md")


def section(number):
    """The text from one heading of second order to the next."""
    match = re.search(rf"^## {number}\. .*?(?=^## |\Z)", DOCUMENT, re.M | re.S)
    return match.group()


def rows(text):
    """(first, second cell) of each row of a section's tables."""
    return re.findall(r"^\| `?([^|`]+?)`? \| ([^|]+?) \|", text, re.M)


def numbered(text):
    return {int(n): name for n, name in rows(text) if n.isdigit()}


def table_of(header, macro):
    """number → text of an X macro of msg.h"""
    block = re.search(rf"#define {macro}\(X\)(.*?)\n\n", header, re.S).group(1)
    return {int(n): text for n, text
            in re.findall(r'X\(\w+, (\d+), "([^"]+)"\)', block)}


def examples():
    return {name: bytes.fromhex("".join(
        line.split("#")[0] for line in body.splitlines()))
        for name, body in re.findall(
            r"^```hex (\S+)\n(.*?)^```", DOCUMENT, re.M | re.S)}


class Tables(unittest.TestCase):
    header = read("protocol", "msg.h")

    def test_ops(self):
        self.assertEqual(numbered(section(4).split("### 4.1")[0]),
                         table_of(self.header, "KSK_OP_TABLE"))

    def test_statuses(self):
        self.assertEqual(numbered(section(5)),
                         table_of(self.header, "KSK_STATUS_TABLE"))

    def test_states(self):
        self.assertEqual(numbered(section(6)),
                         table_of(self.header, "KSK_STATE_TABLE"))

    def test_record_kinds(self):
        told = re.search(r"Kinds: (0 begin.*?)\. \*about\*", section(8), re.S)
        self.assertEqual({int(n): name for n, name in re.findall(
            r"\b(\d+)\s([a-z]+)", told.group(1))},
            table_of(read("protocol", "record.h"), "KSK_RECORD_TABLE"))

    def test_rules(self):
        """Every rule of the sources is described, and no other."""
        source = read("appliance", "policy", "rules.c")
        have = set(re.findall(r'^\t\{"([a-z-]+)"', source, re.M))
        have |= set(re.findall(r'X\(KSK_APPROVE_\w+,\s+"([a-z-]+)"', read(
            "appliance", "policy", "approve.h").replace("\\\n", "")))
        told = {rule for rule, _ in rows(section(7))} - {"rule", "---"}
        self.assertGreater(len(have), 15)
        self.assertEqual(told - {"more", "pruned"}, have)


class Limits(unittest.TestCase):
    def test_numbers(self):
        limits = dict(re.findall(r"#define (\w+) (\d+)u",
                                 read("protocol", "limits.h")))
        for name, words in (
                ("KSK_FRAME_MAX", "1 to {:,}"),
                ("KSK_CBOR_DEPTH_MAX", "at most {} deep"),
                ("KSK_RDATA_COUNT_MAX", "are 1 to {} rdata"),
                ("KSK_RDATA_MAX", "at most {:,} bytes"),
                ("KSK_RRSIG_COUNT_MAX", "rrsigs array of 1 to {} rrsig"),
                ("KSK_REFUSAL_COUNT_MAX", "array of 1 to {} refusal"),
                ("KSK_EVIDENCE_COUNT_MAX", "array of 0 to {} {{ 1: kind"),
                ("KSK_SUPERSEDE_COUNT_MAX",
                 "supersedes array of 1 to {} uint"),
                ("KSK_SUPERSEDE_COUNT_MAX",
                 "later array of 1 to {} {{ 1: record"),
                ("KSK_SCHEDULE_BUNDLE_MAX",
                 "bundles array of 1 to {} bundle"),
                ("KSK_SCHEDULE_RDATA_MAX", "rdata array of 1 to {} rdata"),
                ("KSK_WARNING_COUNT_MAX", "array of 1 to {} refusals"),
                ("KSK_PROOF_MAX", "1 to {:,} bytes")):
            self.assertIn(words.format(int(limits[name])), DOCUMENT, name)
        for name, words in (("KSK_LABEL_CAP", "text, 1 to {} bytes"),
                            ("KSK_WHY_CAP", "text, at most {} bytes"),
                            ("KSK_TEXT_CAP", "(1 to {} bytes)")):
            self.assertIn(words.format(int(limits[name]) - 1), DOCUMENT, name)


class Examples(unittest.TestCase):
    def test_are_what_cbor2_writes(self):
        found = examples()
        self.assertEqual(len(found), 13)
        for name, frame in found.items():
            length, = struct.unpack("!I", frame[:4])
            self.assertEqual(length, len(frame) - 4, name)
            message = cbor2.loads(frame[4:])
            self.assertEqual(cbor2.dumps(message, canonical=True), frame[4:],
                             name)

    def test_belong_together(self):
        found = {n: cbor2.loads(f[4:]) for n, f in examples().items()}
        for op in ("status", "keys", "sign", "sign-schedule", "last-answer",
                   "adopt"):
            self.assertEqual(found[f"request-{op}"][1],
                             found[f"reply-{op}"][1])
        records = found["request-sign"][3][1][4]
        self.assertEqual(records, sorted(records))
        self.assertIn(found["reply-keys"][3][5][0][1], records)


class Client(unittest.TestCase):
    def test_compiles(self):
        sources = re.findall(r"^```python\n(.*?)^```", DOCUMENT, re.M | re.S)
        self.assertEqual(len(sources), 2)
        for source in sources:
            compile(source, "PROTOCOL.md", "exec")

    def test_what_verifies_exports_does(self):
        source = next(x for x in re.findall(
            r"^```python\n(.*?)^```", DOCUMENT, re.M | re.S)
            if "ksk-record-1" in x)
        corpus = os.path.join(TOP, "tests", "fuzz", "corpus", "export")
        for name, good in (("whole", True), ("part", True), ("gap", False),
                           ("wrong-mark", False)):
            done = subprocess.run(
                [sys.executable, "-c", source, os.path.join(corpus, name)],
                capture_output=True)
            self.assertEqual(done.returncode == 0, good, name)


if __name__ == "__main__":
    unittest.main()
