#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""kskadm ceremony: a rehearsal on SoftHSM from empty folders to a restored key,
and what its transcripts say when a step fails, is cut off, or is no step."""
import hashlib
import os
import re
import signal
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "fault")]
from fault import Fault  # noqa: E402
from modules import ap  # noqa: E402
from terminal import typed  # noqa: E402
from test_backup import content  # noqa: E402

SANITIZED = True
USAGE, CONFIG, FILE, PIN_SOURCE, KEY = 2, 3, 7, 12, 13
ZONE = "example.com."
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


def sha256(path):
    return hashlib.sha256(content(path)).hexdigest()


class Ceremony(unittest.TestCase):
    def setUp(self):
        self.boxes = []

    def box(self, name="from"):
        """A configuration and nothing else."""
        a = ap.Appliance(name=name)
        self.addCleanup(a.__exit__)
        a.softhsm_conf()
        a.config()
        self.boxes.append(a)
        return a

    def run_script(self, a, text, name="t", code=0):
        """-> the transcript; its hash is what was printed."""
        a.write(f"{name}.script", text)
        path = a.path(f"{name}.transcript")
        done = a.kskadm("ceremony", "--transcript", path,
                        a.path(f"{name}.script"), check=False)
        self.assertEqual(done.returncode, code, done.err)
        self.assertEqual(done.out.splitlines()[-1],
                         f"{sha256(path)}  {path}")
        text = content(path).decode()
        self.no_pins(a, text + done.out + done.err)
        return text

    def no_pins(self, a, text):
        for name in os.listdir(a.path("etc")):
            if name.startswith("pin."):
                self.assertNotIn(content(a.path("etc", name)).decode()
                                 .strip(), text)

    @staticmethod
    def quoted(path):
        return f'"{path}"'

    # -- the rehearsal --
    def test_rehearsal(self):
        a, b = self.box(), self.box("to")
        received = self.run_script(b, f"""# the second box
init
token init main --generate-pin
backup recipient \\
    --token main --label in \\
    --output {self.quoted(b.path("in.recipient"))}
keymap show
""")
        self.assertRegex(received, r"(?m)^line: 4\n(.*\n)+?line: 7$")
        fingerprint = re.search(r"^\| ([0-9a-f]{64})$", received, re.M)[1]
        self.assertEqual(fingerprint, sha256(b.path("in.recipient")))
        made = self.run_script(a, f"""
# the first box
say "Present: A. and B."
init
token init main --generate-pin
key generate --token main --zone {ZONE} --algorithm 13 --label k --extractable
key list
key dnskey --token main --label k --zone {ZONE}
key ds --token main --label k --zone {ZONE}
key cds --token main --label k --zone {ZONE}
keymap show
key backup --token main --label k --zone {ZONE} --to {
            self.quoted(b.path("in.recipient"))} --fingerprint {
            fingerprint} --output {self.quoted(a.path("k.backup"))}
""")
        restored = self.run_script(
            b, f"key restore --token main --zone {ZONE} "
            f"{self.quoted(a.path('k.backup'))}\nkeymap show\n", "again")
        self.assertIn("result: all 10 steps are done", made)
        key = ap.dnskey_rdata(re.search(r"^\| (.* DNSKEY .*)$", made,
                                        re.M)[1])
        for kind in ("DNSKEY", "CDNSKEY", "DS", "CDS"):
            self.assertRegex(made, rf"(?m)^\| {ZONE} IN {kind} ")
        self.assertIn(ap.ds_text(ZONE, key), restored)
        self.assertIn(content(a.path("etc/keymap")).decode().splitlines()[-1],
                      made)
        self.head(a, made)

    def head(self, a, text):
        """What the ceremony was done with, and its form, line by line."""
        config, script = a.path("etc/kskd.yaml"), a.path("t.script")
        program = a.tool("kskadm")
        want = [
            r"ksk ceremony transcript: 1", rf"began: {TIME}",
            rf"tool: kskadm \S+, SHA-256 {sha256(program)}",
            r"host: \S+, Linux \S+",
            re.escape(f"configuration: {config}, SHA-256 {sha256(config)}"),
            re.escape(f"script: {script}, SHA-256 {sha256(script)}"),
            re.escape(f"module of main: {ap.SOFTHSM}, SHA-256 "
                      f"{sha256(ap.SOFTHSM)}"), "",
            r'step: 1 of 10: say "Present: A\. and B\."', "line: 3",
            rf"began: {TIME}", r"# Present: A\. and B\.", rf"ended: {TIME}",
            "exit code: 0", "", "step: 2 of 10: init", "line: 4",
            rf"began: {TIME}", r"\| [0-9a-f]{32}", "! kskadm: .*"]
        lines = text.splitlines()
        for pattern, line in zip(want[:-2], lines):
            self.assertRegex(line, f"^{pattern}$")
        # Two pipes: which of them is read first is not told.
        for pattern, line in zip(want[-2:], sorted(
                lines[len(want) - 2:len(want)], reverse=True)):
            self.assertRegex(line, f"^{pattern}$")
        self.assertRegex(lines[-1], f"^ended: {TIME}$")

    # -- steps that fail --
    def test_the_step_that_fails_is_the_last(self):
        a = self.box()
        text = self.run_script(a, f"""init
key generate --token main --zone {ZONE} --algorithm 13
key list
""", code=PIN_SOURCE)
        self.assertIn("result: failed at step 2 of 3, exit code 12", text)
        self.assertIn("exit code: 12\n", text)
        self.assertIn("! kskadm: ", text)
        self.assertNotIn("step: 3", text)
        # The steps before it are done, and are not done again.
        text = self.run_script(a, "init\n", "second", FILE)
        self.assertIn("nothing was changed", text)

    def test_a_step_that_dies(self):
        """A module that ends its process; a step that is killed."""
        a = self.box()
        self.run_script(a, "token init main --generate-pin\n")
        fault = Fault(a.path("fault"), build=ap.BUILD)
        self.addCleanup(fault.close)
        conf = content(a.path("etc/kskd.yaml")).decode()
        a.write("etc/kskd.yaml", conf.replace(
            f"module: {ap.SOFTHSM}", f'module: "{fault.module}"'))
        hang = fault.hang("C_Login")
        path = a.path("killed.transcript")
        a.write("s", "key list\ninit\n")
        process = subprocess.Popen(
            [a.tool("kskadm"), "-c", a.path("etc/kskd.yaml"), "ceremony",
             "--transcript", path, a.path("s")], stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, start_new_session=True)
        hang.wait()
        # As Ctrl-C at a terminal: to the whole group.
        os.killpg(process.pid, signal.SIGINT)
        out = process.communicate(timeout=20 * ap.SLOW)[0].decode()
        self.assertEqual(process.returncode, 1)
        text = content(path).decode()
        self.assertIn("error: ended by signal 2", text)
        self.assertIn("result: failed at step 1 of 2", text)
        self.assertEqual(out, f"{sha256(path)}  {path}\n")
        self.assertFalse(os.path.exists(a.path("state/appliance-id")))

    def test_a_terminal_that_goes_away(self):
        """Nobody reads what is shown: the ceremony and its transcript go on."""
        a = self.box()
        a.write("s", "init\ntoken init main --generate-pin\nkeymap show\n")
        path = a.path("t")
        read, write = os.pipe()
        os.close(read)
        process = subprocess.Popen(
            [a.tool("kskadm"), "-c", a.path("etc/kskd.yaml"), "ceremony",
             "--transcript", path, a.path("s")], stdin=subprocess.DEVNULL,
            stdout=write, stderr=write)
        os.close(write)
        process.wait(20 * ap.SLOW)
        self.assertIn("result: all 3 steps are done", content(path).decode())

    def test_typed_pins(self):
        """At a terminal; neither the transcript nor the screen shows them."""
        a = self.box()
        a.config(tokens=f"""
  - name: main
    module: {ap.SOFTHSM}
    uri: "pkcs11:token=ksk"
    pin: {{prompt: yes}}
    environment: ["SOFTHSM2_CONF={a.path('etc/softhsm2.conf')}"]
    paths:
      - {{path: "{a.path('tokens')}", access: rw}}
      - {{path: "{a.path('etc/softhsm2.conf')}", access: r}}
""")
        a.write("s", "token init main\nkey list\n")
        code, seen = typed([
            a.tool("kskadm"), "-c", a.path("etc/kskd.yaml"), "ceremony",
            "--transcript", a.path("t"), a.path("s")],
            rb"PIN of main[^\n]*: ",
            ["so-secret", "so-secret", "a-secret", "a-secret", "a-secret"])
        self.assertEqual(code, 0, seen)
        text = content(a.path("t")).decode()
        self.assertIn("result: all 2 steps are done", text)
        for secret in ("so-secret", "a-secret"):
            self.assertNotIn(secret, text)
            self.assertNotIn(secret, seen)

    # -- what is refused before anything is done --
    def test_nothing_is_overwritten(self):
        a = self.box()
        a.write("s", "init\n")
        a.write("t", "mine")
        done = a.kskadm("ceremony", "--transcript", a.path("t"), a.path("s"),
                        check=False)
        self.assertEqual((done.returncode, done.out), (FILE, ""))
        self.assertIn("nothing is overwritten", done.err)
        self.assertEqual(content(a.path("t")), b"mine")
        self.assertFalse(os.path.exists(a.path("state/appliance-id")))

    def test_scripts_that_are_refused(self):
        a = self.box()
        for line, words, text in (
                (2, "no such verb", "init\nkey generat --token main\n"),
                (1, "no such verb", "bash -c true\n"),
                (1, "no such verb", "-c other.yaml init\n"),
                (3, "inside a ceremony",
                 "init\n\nceremony --transcript a b\n"),
                (5, "no such verb", "init \\\n\n# c \\\n # c\nnonsense\n"),
                (1, "without its second", 'say "what\n'),
                (1, "inside a word", 'say wh"at\n'),
                (1, "inside a word", 'say "wh"at\n'),
                (1, "say wants", "say two words\n"),
                (1, "too many words", "key" + " list" * 60 + "\n"),
                (1, "too long", "key list " + "x" * 2000 + "\n"),
                (257, "too many steps", "keymap show\n" * 300),
                (1, "without a step", "# nothing\n\n"),
                (1, "no text", "init\n\0"),
                (1, "no text", "init \x1b[31m\n")):
            a.write("s", text)
            done = a.kskadm("ceremony", "--transcript", a.path("t"),
                            a.path("s"), check=False)
            self.assertEqual((done.returncode, done.out), (USAGE, ""), text)
            self.assertIn(f"line {line}: ", done.err)
            self.assertIn(words, done.err)
            self.assertFalse(os.path.exists(a.path("t")))
        done = a.kskadm("ceremony", "--transcript", a.path("t"),
                        a.path("nothing"), check=False)
        self.assertEqual(done.returncode, FILE)
        a.write("s", "init\n")
        done = a.kskadm("ceremony", a.path("s"), check=False)
        self.assertEqual(done.returncode, USAGE)
        a.write("etc/kskd.yaml", "nonsense\n")
        done = a.kskadm("ceremony", "--transcript", a.path("t"), a.path("s"),
                        check=False)
        self.assertEqual(done.returncode, CONFIG)
        self.assertFalse(os.path.exists(a.path("t")))
        self.assertFalse(os.path.exists(a.path("state/appliance-id")))

    def test_words_stay_on_their_line(self):
        """What a step prints can't look like a line of the transcript."""
        a = self.box()
        a.write("etc/keymap", "# \x1b[2J\n# result: all is well\n")
        text = self.run_script(a, "keymap show\nsay \"result: done\"\n")
        self.assertIn("| # \\x1b[2J\n", text)
        self.assertIn("| # result: all is well\n", text)
        self.assertIn("# result: done\n", text)
        self.assertEqual(len(re.findall(r"^result: ", text, re.M)), 1)


if __name__ == "__main__":
    unittest.main()
