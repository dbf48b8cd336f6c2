#!/usr/bin/python3
"""The tree checks itself: who may include whom, which symbols a program must
not know, words that are forbidden, headers that compile alone, sizes, and
documents that match the programs.
"""
import os
import re
import subprocess
import sys
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BUILD = os.path.join(TOP, os.environ.get("KSK_BUILD", "build"))

# folder → folders of ours that it may include
MAY = {
    "protocol": {"protocol"},
    "appliance/base": {"appliance/base", "protocol"},
    "appliance/policy": {"appliance/policy", "appliance/base", "protocol"},
    "appliance/frontend": {"appliance/frontend", "appliance/base",
                           "protocol"},
    "appliance/supervisor": {"appliance/supervisor", "appliance/base",
                             "protocol"},
    "appliance/signer": {"appliance/signer", "appliance/policy",
                         "appliance/base", "protocol"},
    "hsm": {"hsm", "appliance/base", "protocol"},
    "appliance/admin": {"appliance/admin", "hsm", "appliance/policy",
                        "appliance/base", "protocol"},
    "client": {"client", "appliance/policy", "protocol"},
}
# yaml.h is the one header of base that the client shares (strict YAML).
ALSO = {"client": {"appliance/base/yaml.h"}}

FORBIDDEN = ("strcpy strcat sprintf vsprintf gets strtok atoi atol system "
             "popen rand srand alloca signal").split()
TOP_LEVEL = {"appliance", "hsm", "protocol", "client", "tests",
             "firmware-config", "Makefile", "README.md", "LICENSE", ".ci",
             ".gitignore", ".clang-format", ".editorconfig"}
FUNCTION_LINES, FILE_LINES = 80, 600


def files(*endings):
    for folder in MAY:
        top = os.path.join(TOP, folder)
        for name in sorted(os.listdir(top)):
            if name.endswith(endings):
                yield folder, os.path.join(top, name)


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def code(text):
    """Text without comments and strings."""
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
    text = re.sub(r"//[^\n]*", " ", text)
    return re.sub(r'"(?:\\.|[^"\\])*"', '""', text)


def undefined(program):
    out = subprocess.run(["nm", "-u", os.path.join(BUILD, program)],
                         capture_output=True, text=True, check=True).stdout
    return {w.split("@")[0] for line in out.splitlines()
            for w in line.split()[-1:]}


class Tree(unittest.TestCase):
    def test_top_level(self):
        tracked = subprocess.run(
            ["git", "-C", TOP, "ls-files"], capture_output=True, text=True)
        if tracked.returncode == 0 and tracked.stdout:
            names = {x.split("/")[0].strip('"')
                     for x in tracked.stdout.splitlines()}
        else:
            names = set(os.listdir(TOP)) - {"build", ".git"}
        self.assertLessEqual(names, TOP_LEVEL)

    def test_includes(self):
        for folder, path in files(".c", ".h"):
            for name in re.findall(r'#include "([^"]+)"', read(path)):
                target = os.path.dirname(name)
                self.assertTrue(os.path.exists(os.path.join(TOP, name)),
                                f"{path}: {name} is not there")
                self.assertTrue(
                    target in MAY[folder] or name in ALSO.get(folder, ()),
                    f"{path} may not include {name}")

    def test_headers_compile_alone(self):
        flags = subprocess.run(
            ["pkg-config", "--cflags", "p11-kit-1"], capture_output=True,
            text=True, check=True).stdout.split()
        for _, path in files(".h"):
            done = subprocess.run(
                ["cc", "-std=c11", "-D_GNU_SOURCE", "-I.", *flags, "-Wall",
                 "-Wextra", "-fsyntax-only", "-x", "c",
                 os.path.relpath(path, TOP)],
                cwd=TOP, capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_first_lines(self):
        for _, path in files(".c", ".h"):
            text = read(path)
            self.assertRegex(
                text, r"\A/\* SPDX-License-Identifier: BSD-2-Clause \*/\n"
                r"/\*(\n \*)? \w", path)

    def test_forbidden_words(self):
        pattern = re.compile(
            r"(?<![\w.>])(" + "|".join(FORBIDDEN) + r")\s*\(")
        for _, path in files(".c", ".h"):
            found = pattern.findall(code(read(path)))
            self.assertFalse(found, f"{path}: {found}")

    def test_no_unfinished_words(self):
        pattern = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
        for _, path in files(".c", ".h"):
            self.assertIsNone(pattern.search(read(path)), path)

    def test_no_mutable_globals(self):
        """Outside main.c and log.c nothing at file scope may change."""
        pattern = re.compile(
            r"^static (?!const\b|inline\b|_Noreturn\b)[\w \*]*?\**\w+"
            r"(\[[^\]]*\])*( =[^;{]*|);", re.M)
        for _, path in files(".c"):
            if os.path.basename(path) in ("main.c", "log.c"):
                continue
            text = re.sub(r"\{.*?\n\}", "{}", code(read(path)), flags=re.S)
            hits = [m.group(0) for m in pattern.finditer(text)
                    if "(" not in m.group(0)]
            self.assertFalse(hits, f"{path}: {hits}")

    def test_sizes(self):
        for _, path in files(".c", ".h"):
            lines = read(path).splitlines()
            self.assertLessEqual(len(lines), FILE_LINES, path)
            start = None
            for number, line in enumerate(lines, 1):
                if line.startswith("{"):
                    start = number
                elif line.startswith("}") and start is not None:
                    self.assertLessEqual(number - start, FUNCTION_LINES,
                                         f"{path}:{start}")
                    start = None

    def test_format(self):
        paths = [os.path.relpath(p, TOP) for _, p in files(".c", ".h")]
        done = subprocess.run(
            ["clang-format", "--dry-run", "-Werror", *paths], cwd=TOP,
            capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr[:2000])

    def test_programs_know_only_what_they_need(self):
        self.assertFalse({s for s in undefined("kskd-frontend")
                          if s.startswith(("C_", "PKCS11_", "sqlite3_",
                                           "dlopen"))})
        self.assertFalse({s for s in undefined("kskd-signer")
                          if s in ("socket", "connect", "bind", "listen",
                                   "accept", "accept4", "dlopen")
                          or s.startswith(("SSL_", "C_", "PKCS11_"))})
        self.assertFalse({s for s in undefined("kskd-token")
                          if s.startswith(("SSL_", "sqlite3_", "cbor_"))})
        self.assertFalse({s for s in undefined("kskd-policy")
                          if s in ("socket", "dlopen")
                          or s.startswith(("SSL_", "sqlite3_", "PKCS11_"))})
        self.assertFalse({s for s in undefined("kskd")
                          if s.startswith(("SSL_accept", "cbor_", "PKCS11_",
                                           "sqlite3_"))})

    def test_documents_lead_somewhere(self):
        """Every path that README, PRIVSEP and PROTOCOL name exists."""
        for name in ("README.md", "appliance/PRIVSEP.md",
                     "protocol/PROTOCOL.md"):
            for path in re.findall(
                    r"`((?:appliance|hsm|protocol|client|tests|"
                    r"firmware-config)/[\w./-]+)`", read(
                        os.path.join(TOP, name))):
                self.assertTrue(os.path.exists(os.path.join(TOP, path)),
                                f"{name}: {path}")

    def test_tests_named_in_headers_exist(self):
        for _, path in files(".h"):
            for name in re.findall(r"tests/[\w/]+\.(?:c|py)", read(path)):
                self.assertTrue(os.path.exists(os.path.join(TOP, name)),
                                f"{path}: {name}")

    def test_man_pages(self):
        pages = [os.path.join(TOP, f, n) for f in ("appliance", "client")
                 for n in os.listdir(os.path.join(TOP, f))
                 if re.search(r"\.[1-8]$", n)]
        self.assertGreaterEqual(len(pages), 4)
        for page in pages:
            done = subprocess.run(
                ["mandoc", "-T", "lint", "-W", "warning", page],
                capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stdout)

    def test_help_and_man_name_the_same_verbs(self):
        for program, page in (("kskctl", "client/kskctl.1"),
                              ("kskadm", "appliance/kskadm.8")):
            out = subprocess.run([os.path.join(BUILD, program), "--help"],
                                 capture_output=True, text=True)
            self.assertEqual(out.returncode, 0, out.stderr)
            text = out.stdout + out.stderr
            verbs = set(re.findall(r"^  ([a-z]+)\b", text, re.M))
            self.assertTrue(verbs, text)
            manual = read(os.path.join(TOP, page))
            for verb in verbs:
                self.assertRegex(manual, rf"\b{verb}\b",
                                 f"{page} does not know {verb}")

    def test_help_of_kskadm(self):
        """Every verb has its own, and so has the first word of several."""
        def ask(*words):
            done = subprocess.run(
                [os.path.join(BUILD, "kskadm"), *words, "--help"],
                capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stderr), (0, ""), words)
            return done.stdout
        verbs = re.findall(r"^  (\w+) (\w*)", ask(), re.M)
        self.assertGreater(len(verbs), 20)
        for first, second in verbs:
            verb = f"{first} {second}".strip()
            self.assertIn(f"usage: kskadm [-c FILE] {verb}",
                          ask(*verb.split()))
            if second:
                self.assertEqual(
                    re.findall(r"^  (\w+) (\w*)", ask(first), re.M),
                    [x for x in verbs if x[0] == first])

    def test_exit_codes_are_documented(self):
        table = read(os.path.join(TOP, "appliance/base/exit.h"))
        manual = read(os.path.join(TOP, "appliance/kskd.8"))
        for value in re.findall(r"KSK_EXIT_\w+ = (\d+)", table):
            self.assertRegex(manual, rf"(?m)^\.It (Li |Sy |Cm )?{value}$|"
                             rf"^\.It .*\b{value}\b", f"exit code {value}")


if __name__ == "__main__":
    sys.exit(unittest.main())
