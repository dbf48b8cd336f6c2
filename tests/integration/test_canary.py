#!/usr/bin/python3
"""The PIN is a canary: a random string that is looked for, also in hex and
base64, wherever a PIN must never be: logs, error texts, replies, arguments,
environments, system calls, files, cores, memory; on the good path and on every
path that ends badly. It may be in its source, in the pipe to a worker that
logs in, in the one locked page of kskd, and, where it is typed, in one packet
from kskadm to kskd.
"""
import base64
import glob
import os
import re
import resource
import secrets
import shutil
import signal
import stat
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from faulty import (  # noqa: E402
    Faulty, LOCKED, READY, STATES, ap, main_side_by_side)


# Into memory and system calls. A sanitized process maps terabytes, all of
# which a core would hold, and its leak check does not bear a tracer.
MAY_LOOK = os.getuid() == 0 and ap.PLAIN
CORE_MAX = 256 << 20


def forms(pin):
    """The bytes to look for. Of base64, what does not depend on what stands
    before and after."""
    raw = pin.encode()
    found = [raw, raw.hex().encode(), raw.hex().upper().encode(),
             raw.decode().encode("utf-16-le")]
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + raw)
        found.append(text[4 if shift else 0:-4])
    return found


def holds(data, pin):
    if isinstance(data, str):
        data = data.encode("utf-8", "replace")
    return any(f in data for f in forms(pin))


def files_with(folder, pin, but=()):
    hits = []
    for top, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(top, name)
            if path in but or not stat.S_ISREG(os.lstat(path).st_mode):
                continue
            with open(path, "rb") as f:
                if holds(f.read(), pin):
                    hits.append(path)
    return hits


def in_memory(pid, pin):
    """[(permissions, flags of VmFlags)] of the mappings that hold the PIN."""
    hits = []
    with open(f"/proc/{pid}/smaps", encoding="ascii",
              errors="replace") as f, \
            open(f"/proc/{pid}/mem", "rb", 0) as memory:
        begin = end = rights = None
        for line in f:
            head = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+)", line)
            if head:
                begin, end = (int(x, 16) for x in head.groups()[:2])
                rights = head.group(3)
            elif line.startswith("VmFlags:") and "r" in rights:
                try:
                    memory.seek(begin)
                    data = memory.read(end - begin)
                except (OSError, OverflowError):  # [vvar] and its like
                    continue
                hits += [(rights, line.split()[1:])
                         for _ in range(data.count(pin.encode()))]
    return hits


def arguments_and_environment(pid):
    out = b""
    for name in ("cmdline", "environ"):
        try:
            with open(f"/proc/{pid}/{name}", "rb") as f:
                out += f.read()
        except OSError:
            pass
    return out


def all_processes():
    return [int(x) for x in os.listdir("/proc") if x.isdigit()]


# ---- system calls ----

def whole_calls(trace):
    """strace's lines with interrupted calls put together again."""
    begun, calls = {}, []
    for line in trace.splitlines():
        pid, _, call = line.partition(" ")
        call = call.strip()
        if call.endswith("<unfinished ...>"):
            begun[pid] = call[:-len("<unfinished ...>")]
            continue
        resumed = re.match(r"<\.\.\. \w+ resumed>(.*)", call, re.S)
        if resumed:
            call = begun.pop(pid, "") + resumed.group(1)
        calls.append(call)
    return calls + list(begun.values())


STRACE = ["strace", "-f", "-yy", "-v", "-s", "70000"]


def calls_with(trace, pin):
    return [c for c in whole_calls(trace) if holds(c, pin)]


class Case(unittest.TestCase):
    workers = 2

    def setUp(self):
        self.f = Faulty(workers=self.workers)
        self.addCleanup(self.f.close)
        self.a, self.fault = self.f.a, self.f.fault
        self.pin_file = self.a.path("etc/pin.main")
        self.pin = self.f.pin()
        self.wrong = "wrong" + secrets.token_hex(8)
        self.heard = []     # replies and what programs said

    def hear(self, text):
        self.heard.append(text if isinstance(text, bytes)
                          else str(text).encode("utf-8", "replace"))

    def ask(self):
        for what in (self.f.sign, self.f.status):
            self.hear(what())

    def write_pin(self, data, mode=0o600):
        if isinstance(data, str):
            data = data.encode()
        with open(self.pin_file, "wb") as f:
            f.write(data)
        os.chmod(self.pin_file, mode)

    def no_hit(self, *pins, but=()):
        """Neither in what was heard, nor in any file but the source."""
        for pin in pins or (self.pin, self.wrong):
            for text in self.heard:
                self.assertFalse(holds(text, pin), text[:500])
            self.assertEqual(files_with(
                self.a.dir, pin, {self.pin_file, *but}), [])

    def children(self):
        return {"kskd": [self.a.process.pid], **self.a.children()}

    def no_hit_in_proc(self):
        for pid in all_processes():
            self.assertFalse(holds(arguments_and_environment(pid), self.pin))

    def kskadm(self, *argv):
        done = self.a.kskadm(*argv, check=False)
        self.hear(done.out + done.err)
        return done


# ---- where it is allowed to be ----

class Good(Case):
    def test_the_search_finds_what_is_there(self):
        self.assertEqual(files_with(self.a.dir, self.pin), [self.pin_file])
        for text in (self.pin, f"x{self.pin.encode().hex()}y",
                     base64.b64encode(b"a" + self.pin.encode() + b"zz")):
            self.assertTrue(holds(text, self.pin), text)
        self.assertFalse(holds(self.wrong, self.pin))

    def test_running(self):
        self.f.start()
        self.f.wait_workers()
        for _ in range(50):
            self.ask()
        self.no_hit_in_proc()
        self.a.reload()
        ap.wait_for(lambda: self.a.log_lines("reload-done"))
        self.f.kill_workers()
        self.f.until_signed()
        self.f.wait_workers()
        self.no_hit_in_proc()
        self.f.stop()
        self.hear(self.a.log_text())
        self.no_hit()

    @unittest.skipUnless(MAY_LOOK, "needs root and a plain build")
    def test_memory(self):
        """A worker has wiped it, SoftHSM too; frontend and signer never had
        it; kskd has it once, locked, in no core and no child."""
        self.f.start()
        self.f.wait_workers()
        self.ask()
        for program, pids in self.children().items():
            for pid in pids:
                hits = in_memory(pid, self.pin)
                if program != "kskd":
                    self.assertEqual(hits, [], program)
                    continue
                self.assertEqual(len(hits), 1, hits)
                rights, flags = hits[0]
                self.assertEqual(rights, "rw-p")
                # mm/proc: locked, don't dump, don't copy on fork.
                self.assertLessEqual({"lo", "dd", "dc"}, set(flags))

    @unittest.skipUnless(MAY_LOOK and shutil.which("gcore"),
                         "needs root, a plain build and gcore")
    def test_a_core_that_root_takes(self):
        self.f.start()
        self.f.wait_workers()
        self.ask()
        for program, pids in self.children().items():
            base = self.a.path("core-" + program)
            done = ap.sh("prlimit", f"--fsize={CORE_MAX}", "gcore", "-o",
                         base, pids[0], check=False)
            self.assertTrue(os.path.exists(f"{base}.{pids[0]}"),
                            done.out + done.err)
        self.no_hit()


# ---- system calls: arguments, environments, packets, files written ----

@unittest.skipUnless(MAY_LOOK and shutil.which("strace"),
                     "needs root, a plain build and strace")
class Calls(Case):
    def trace(self, *argv):
        """Runs to its end under strace -> (status, trace)."""
        out = self.a.path("trace")
        done = ap.sh(*STRACE, "-o", out, *argv, check=False)
        self.hear(done.out + done.err)
        with open(out, encoding="utf-8", errors="replace") as f:
            text = f.read()
        os.unlink(out)
        return done.returncode, text

    def test_kskadm(self):
        a = ap.Appliance(name="canary")
        self.addCleanup(a.__exit__)
        a.softhsm_conf()
        a.config()
        a.kskadm("init")
        admin = [a.tool("kskadm"), "-c", a.path("etc/kskd.yaml")]
        pin_file, so_file = a.path("etc/pin.main"), a.path("etc/pin.main.so")

        status, trace = self.trace(*admin, "token", "init", "main",
                                   "--generate-pin")
        self.assertEqual(status, 0)
        for path in (pin_file, so_file):
            with open(path, encoding="ascii") as f:
                pin = f.read().strip()
            found = calls_with(trace, pin)
            self.assertEqual(len(found), 1, found)
            self.assertRegex(found[0], rf"^write\(\d+<{re.escape(path)}>, ")
        for argv in (["key", "generate", "--token", "main", "--zone",
                      "a.example.", "--algorithm", "13", "--label", "x"],
                     ["key", "list"], ["key", "ds", "--token", "main",
                                       "--zone", "a.example.", "x"],
                     ["token", "init", "main", "--pin-file", pin_file,
                      "--so-pin-file", so_file]):
            _, trace = self.trace(*admin, *argv)
            for path in (pin_file, so_file):
                with open(path, encoding="ascii") as f:
                    pin = f.read().strip()
                for call in calls_with(trace, pin):
                    self.assertRegex(
                        call, rf"^read\(\d+<{re.escape(path)}>, ")
                for text in self.heard:
                    self.assertFalse(holds(text, pin), text)

    def start_traced(self):
        out = self.a.path("trace")
        log = open(self.a.log, "ab")
        # -D: kskd is our child, strace a grandchild.
        self.a.process = subprocess.Popen(
            [*STRACE, "-D", "-o", out, self.a.tool("kskd"), "-c",
             self.a.path("etc/kskd.yaml")], stdin=subprocess.DEVNULL,
            stdout=log, stderr=log, start_new_session=True)
        log.close()
        return out

    def test_kskd(self):
        """All that kskd and its children ask of the kernel, with a signature,
        a reload, a wrong PIN and a stop."""
        f = self.f
        out = self.start_traced()
        self.a.wait_ready(seconds=60)
        f.wait_workers(seconds=60)
        self.ask()
        self.fault.fail("C_Sign", "CKR_DEVICE_ERROR", times=1)
        self.ask()
        f.wait_workers(seconds=60)
        self.write_pin(self.wrong)
        self.a.reload()
        ap.wait_for(lambda: self.a.log_lines("reload-done"), 30)
        f.kill_workers()
        f.wait_state("locked", 60)
        self.ask()
        f.hang_up()
        self.a.stop(seconds=30)
        self.hear(self.a.log_text())
        ap.wait_for(lambda: not [
            p for p in all_processes()
            if out.encode() in arguments_and_environment(p)], 30)
        with open(out, encoding="utf-8", errors="replace") as t:
            trace = t.read()
        os.unlink(out)
        for pin, logins in ((self.pin, 3), (self.wrong, 1)):
            kinds = {"file": 0, "in": 0, "out": 0}
            for call in calls_with(trace, pin):
                if re.match(rf"read\(\d+<{re.escape(self.pin_file)}>", call):
                    kinds["file"] += 1
                elif re.match(r"write\(\d+<pipe:\[\d+\]>", call):
                    kinds["in"] += 1
                elif re.match(r"read\(\d+<pipe:\[\d+\]>", call):
                    kinds["out"] += 1
                else:
                    self.fail(call[:500])
            # Each worker that logs in reads what kskd wrote, nobody else.
            self.assertEqual(kinds["file"], 1)
            self.assertEqual(kinds["in"], kinds["out"])
            self.assertGreaterEqual(kinds["in"], logins)
        self.no_hit()


# ---- typed ----

class Typed(Case):
    """A PIN that a person hands to kskd: from kskadm's pipe or file by one
    packet into kskd's one locked page."""

    def setUp(self):
        super().setUp()
        config = self.a.path("etc/kskd.yaml")
        with open(config, encoding="utf-8") as c:
            text = c.read()
        self.a.write("etc/kskd.yaml", re.sub(
            r"pin: \{file: .*\}", "pin: {prompt: yes}", text))
        os.unlink(self.pin_file)

    def admin(self, *more):
        return [self.a.tool("kskadm"), "-c", self.a.path("etc/kskd.yaml"),
                "unlock", "main", "--pin-file", *more]

    def unlock(self, pin, code, argv=()):
        done = ap.sh(*argv, *self.admin("-"), input=pin + "\n", check=False)
        self.hear(done.out + done.err)
        self.assertEqual(done.returncode, code, done.err + self.a.log_text())

    def up(self):
        ap.wait_for(lambda: os.path.exists(self.a.path("state/unlock")), 60)

    def test_running(self):
        self.f.start(ready=False)
        self.up()
        self.unlock(self.wrong, 10)
        self.unlock(self.pin, 0)
        self.f.wait_workers()
        self.ask()
        self.no_hit_in_proc()
        self.a.reload()
        ap.wait_for(lambda: self.a.log_lines("reload-done"))
        self.f.kill_workers()
        self.f.until_signed()
        self.f.wait_workers()
        if MAY_LOOK:
            self.look()
        self.f.stop()
        self.hear(self.a.log_text())
        self.no_hit()

    def look(self):
        """kskd has it once, locked, in no core and no child; of one that was
        refused nothing is left."""
        for program, pids in self.children().items():
            for pid in pids:
                self.assertEqual(in_memory(pid, self.wrong), [], program)
                hits = in_memory(pid, self.pin)
                self.assertEqual(len(hits), program == "kskd", hits)
                for rights, flags in hits:
                    self.assertEqual(rights, "rw-p")
                    self.assertLessEqual({"lo", "dd", "dc"}, set(flags))

    @unittest.skipUnless(MAY_LOOK and shutil.which("strace"),
                         "needs root, a plain build and strace")
    def test_calls(self):
        """Of kskd, its children and kskadm, with a PIN that is refused, one
        that comes broken, and one from a file."""
        out, mine = self.a.path("trace"), self.a.path("trace.kskadm")
        log = open(self.a.log, "ab")
        self.a.process = subprocess.Popen(
            [*STRACE, "-D", "-o", out, self.a.tool("kskd"), "-c",
             self.a.path("etc/kskd.yaml")], stdin=subprocess.DEVNULL,
            stdout=log, stderr=log, start_new_session=True)
        log.close()
        self.up()
        strace = [*STRACE, "-A", "-o", mine]
        self.unlock(self.wrong, 10, strace)
        self.unlock(f"{self.wrong}\n{self.pin}", 12, strace)
        self.write_pin(self.pin)
        done = ap.sh(*strace, *self.admin(self.pin_file), check=False)
        self.hear(done.out + done.err)
        self.assertEqual(done.returncode, 0, done.err)
        os.unlink(self.pin_file)
        self.f.wait_workers(seconds=60)
        self.f.hang_up()
        self.a.stop(seconds=30)
        self.hear(self.a.log_text())
        ap.wait_for(lambda: not [
            p for p in all_processes()
            if out.encode() in arguments_and_environment(p)], 30)
        self.kinds(out, {
            r"recvmsg\(\d+<UNIX:.*?/unlock\"\]>": 2,
            r"write\(\d+<pipe:": None, r"read\(\d+<pipe:": None})
        self.kinds(mine, {
            r"sendmsg\(\d+<UNIX": 2, r"read\(0<": 3,
            rf"read\(\d+<{re.escape(self.pin_file)}>": 1})
        self.no_hit()

    def kinds(self, path, allowed):
        """The calls with a PIN are of these kinds, and as many."""
        with open(path, encoding="utf-8", errors="replace") as t:
            trace = t.read()
        os.unlink(path)
        count = dict.fromkeys(allowed, 0)
        for pin in (self.pin, self.wrong):
            for call in calls_with(trace, pin):
                kinds = [k for k in allowed if re.match(k, call)]
                self.assertEqual(len(kinds), 1, call[:500])
                count[kinds[0]] += 1
        for kind, wanted in allowed.items():
            if wanted is None:
                self.assertGreater(count[kind], 0, kind)
            else:
                self.assertEqual(count[kind], wanted, kind)


# ---- paths that end badly ----

class Bad(Case):
    def run_to_state(self, state):
        """kskd, up to a state; then asked, and stopped."""
        f = self.f
        f.start(ready=False)

        def seen():
            try:
                return f.state() == STATES[state]
            except OSError:
                f.hang_up()
                return False
        ap.wait_for(seen, 20)
        self.ask()
        self.no_hit_in_proc()
        f.stop()
        self.hear(self.a.log_text())

    def run_to_end(self, word=""):
        """kskd that does not start -> exit code."""
        self.f.start(ready=False)
        status = self.a.process.wait(20 * ap.SLOW)
        self.a.process = None
        self.assertNotEqual(status, 0)
        log = self.a.log_text()
        self.assertIn(word, log)
        self.hear(log)
        os.unlink(self.a.log)
        return status

    def test_wrong_pin(self):
        self.write_pin(self.wrong)
        self.run_to_state("locked")
        self.assertNotEqual(self.kskadm("key", "list").returncode, 0)
        self.assertEqual(self.fault.count("C_Login").calls, 2)
        self.no_hit()

    def test_locked_and_other_answers(self):
        f, fault = self.f, self.fault
        f.start()
        f.wait_workers()
        for code in ("CKR_PIN_LOCKED", "CKR_PIN_EXPIRED", "CKR_PIN_INVALID",
                     "CKR_GENERAL_ERROR", "CKR_VENDOR_DEFINED"):
            with fault.fail("C_Login", code):
                f.kill_workers()
                f.wait_state("locked")
                self.ask()
                self.assertEqual(f.status()[11][0][2], LOCKED)
                self.kskadm("key", "list")
            f.touch_pin()
            f.wait_state("ready")
            f.wait_workers()
        f.stop()
        self.hear(self.a.log_text())
        self.no_hit()

    def test_crash_and_hang_in_the_login(self):
        """Also as cores, which there are none of: no process is dumpable."""
        f, fault, a = self.f, self.fault, self.a
        folder = a.path("cores")
        os.mkdir(folder, 0o777)
        os.chmod(folder, 0o777)
        before = resource.getrlimit(resource.RLIMIT_CORE)
        with open("/proc/sys/kernel/core_pattern", encoding="ascii") as p:
            pattern = p.read()
        log = open(a.log, "ab")
        a.process = subprocess.Popen(
            ["prlimit", "--core=unlimited", a.tool("kskd"), "-c",
             a.path("etc/kskd.yaml")], cwd=folder, stdin=subprocess.DEVNULL,
            stdout=log, stderr=log, start_new_session=True)
        log.close()
        a.wait_ready()
        f.wait_workers()
        for how in ("segv", "abort", 3):
            for late in (False, True):
                rule = fault.crash("C_Login", how, times=1, late=late)
                f.kill_workers()
                rule.wait()
                f.until_signed()
                f.wait_workers()
        with fault.hang("C_Login", times=1) as rule:
            f.kill_workers()
            rule.wait()
            pid = next(p for p in fault.processes())
            self.no_hit_in_proc()
            os.kill(pid, signal.SIGQUIT)    # a core, if it could
            time.sleep(0.2)
        f.until_signed()
        self.ask()
        for pids in self.children().values():
            for pid in pids[:1]:
                os.kill(pid, signal.SIGABRT)
        a.process.wait(10)
        ap.wait_for(lambda: not fault.processes())
        a.process = None
        self.hear(a.log_text())
        if not pattern.startswith("|"):
            # Where and how a core would be written, a plain program shows.
            subprocess.run(["sh", "-c", "kill -ABRT $$"], cwd=folder,
                           check=False, preexec_fn=lambda:
                           resource.setrlimit(resource.RLIMIT_CORE,
                                              (before[1], before[1])))
        cores = glob.glob(os.path.join(folder, "core*"))
        self.assertLessEqual(len(cores), 1)
        self.no_hit()

    def test_odd_pin_files(self):
        """C28: refused before any login, and nothing of them is repeated."""
        pin = self.pin
        odd = {
            "two line ends": f"{pin}\n\n", "two lines": f"{pin}\n{pin}\n",
            "empty": "", "only a line end": "\n",
            "a zero byte": f"{pin}\0{pin}", "too long": pin + 300 * "x",
            "a carriage return": f"{pin}\r{pin}",
        }
        for name, data in odd.items():
            with self.subTest(name):
                self.write_pin(data)
                self.assertEqual(self.run_to_end(), 12)
                self.assertNotEqual(self.kskadm("key", "list").returncode, 0)
        self.write_pin(pin, 0o644)
        self.assertNotEqual(self.run_to_end("chmod"), 0)
        self.kskadm("key", "list")
        os.unlink(self.pin_file)
        os.mkdir(self.pin_file)
        self.run_to_end()
        self.kskadm("key", "list")
        os.rmdir(self.pin_file)
        os.mkfifo(self.pin_file, 0o600)
        self.run_to_end()
        self.kskadm("key", "list")
        os.unlink(self.pin_file)
        self.run_to_end()
        self.kskadm("key", "list")
        self.assertEqual(self.fault.count("C_Login").calls, 0)
        self.no_hit()

    def test_pins_that_are_taken_as_they_stand(self):
        """A line end is cut; a blank is not; wrong ones are tried once."""
        for data, state in ((f"{self.pin}\n", "ready"),
                            (f"{self.pin}\r\n", "ready"),
                            (f" {self.pin}", "locked"),
                            (f"{self.pin} ", "locked"),
                            (self.pin[:-1], "locked")):
            self.write_pin(data)
            before = self.fault.count("C_Login").calls
            self.run_to_state(state)
            if state == "locked":
                self.assertEqual(
                    self.fault.count("C_Login").calls - before, 1)
        self.no_hit()

    def test_no_module_and_no_token(self):
        a, f = self.a, self.f
        good = f.fault.module
        shutil.move(good, good + ".away")
        self.assertEqual(self.run_to_end("libkskfault.so"), 8)
        self.kskadm("key", "list")
        # A library, but no PKCS#11 module.
        shutil.copy("/lib/x86_64-linux-gnu/libm.so.6", good)
        self.run_to_state("token-down")
        self.kskadm("key", "list")
        os.unlink(good)
        # Not even a library.
        with open(good, "w", encoding="ascii") as x:
            x.write("text\n")
        self.run_to_state("token-down")
        os.unlink(good)
        shutil.move(good + ".away", good)
        os.rename(a.path("tokens"), a.path("gone"))
        os.mkdir(a.path("tokens"))
        self.run_to_state("token-down")
        self.kskadm("key", "list")
        os.rmdir(a.path("tokens"))
        os.rename(a.path("gone"), a.path("tokens"))
        self.run_to_state("ready")
        self.no_hit()

    def test_a_pin_where_none_belongs(self):
        """Configurations by people in a hurry: refused, and not repeated."""
        a, pin = self.a, self.pin
        config = a.path("etc/kskd.yaml")
        with open(config, encoding="utf-8") as c:
            good = c.read()
        old = re.search(r"pin: \{file: .*\}", good).group(0)
        wrong = [
            good.replace("pkcs11:token=ksk",
                         f"pkcs11:token=ksk?pin-value={pin}"),
            good.replace("pkcs11:token=ksk",
                         f"pkcs11:token=ksk;pin-value={pin}"),
            good.replace(old, f'pin: "{pin}"'),
            good.replace(old, f'pin: {{value: "{pin}"}}'),
            good.replace(old, f'pin: {{file: "{pin}"}}'),
            good.replace(old, f'pin: {{credential: "{pin}/"}}'),
            good.replace(old, f'pin: {{file: "/x", pin: "{pin}"}}'),
            good.replace(old, f'pin: ["{pin}"]'),
            good.replace(old, f'pin: {{prompt: "{pin}"}}'),
        ]
        for text in wrong:
            with self.subTest(text[text.find("uri:"):][:200]):
                self.heard = []
                a.write("etc/kskd.yaml", text)
                done = ap.sh(a.tool("kskd"), "-c", config, "-n", check=False)
                self.hear(done.out + done.err)
                self.assertEqual(done.returncode, 3, done.err)
                self.kskadm("key", "list")
                self.kskadm("token", "init", "main", "--generate-pin")
                self.no_hit(pin, but={config})
        a.write("etc/kskd.yaml", good)

    def test_a_pin_that_changes_while_kskd_runs(self):
        f = self.f
        f.start()
        f.wait_workers()
        self.write_pin(f"{self.wrong}\n\n")
        self.a.reload()
        ap.wait_for(lambda: self.a.log_lines("reload-refused"))
        self.write_pin(self.wrong)
        self.a.reload()
        ap.wait_for(lambda: self.a.log_lines("reload-done"))
        self.ask()
        f.kill_workers()
        f.wait_state("locked")
        self.ask()
        self.write_pin(self.pin)
        self.a.reload()
        f.wait_state("ready")
        self.assertEqual(f.state(), READY)
        if MAY_LOOK:
            # The page before was wiped.
            self.assertEqual(in_memory(self.a.process.pid, self.wrong), [])
        f.stop()
        self.hear(self.a.log_text())
        self.no_hit()


if __name__ == "__main__":
    main_side_by_side(4)
