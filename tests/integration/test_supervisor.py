#!/usr/bin/python3
"""kskd with stand-ins for its children (fake_child.py): order of start, links
and generations, logins and PIN marks, back-off, overdue workers, orderly stop,
reload, and every seeded misconfiguration with its one line and exit code.
"""
import atexit
import functools
import json
import os
import resource
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import time
import unittest

SANITIZED = True  # runs in the sanitized half of the suite too

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(TOP, os.environ.get("KSK_BUILD", "build"))
SLOW = 10 if os.environ.get("KSK_BUILD", "").endswith("asan") else 3
ROOT = os.geteuid() == 0
PROGRAMS = ("kskd-frontend", "kskd-signer", "kskd-token", "kskd-policy")
FRONTEND, SIGNER, TOKEN = PROGRAMS[:3]
USERS = {"frontend": 64810, "signer": 64811, "policy": 64812, "token": 64820}
OVERDUE = 0x11


def sh(*argv):
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


LAUNCHER = """
#include <stdio.h>
#include <string.h>
#include <unistd.h>
int main(int argc, char *argv[])
{
	char path[4096], script[4200], count[16], *name;
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
	if (n < 0)
		return 120;
	path[n] = 0;
	name = strrchr(path, '/');
	*name++ = 0;
	snprintf(script, sizeof script, "%s/fake_child.py", path);
	snprintf(count, sizeof count, "%d", argv[argc] == 0 ? argc : -1);
	execl("/usr/bin/python3", "python3", "-I", script, name, count,
		(char *)0);
	return 121;
}
"""


@functools.lru_cache(maxsize=None)
def launcher():
    """A program that becomes fake_child.py: kskd executes by descriptor,
    which scripts can't stand."""
    folder = tempfile.mkdtemp(prefix="ksk-launcher.")
    atexit.register(shutil.rmtree, folder)
    path = os.path.join(folder, "launcher")
    subprocess.run(["cc", "-x", "c", "-O1", "-o", path, "-"],
                   input=LAUNCHER.encode(), check=True)
    return path


def wait_for(what, seconds=10.0, step=0.01):
    end = time.monotonic() + seconds * SLOW
    while True:
        value = what()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"did not happen within {seconds * SLOW} s")
        time.sleep(step)


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class House:
    """A folder with a copy of kskd, fake children and all files."""

    def __init__(self, workers=2, tokens=1):
        self.dir = tempfile.mkdtemp(prefix="ksk sv.")
        os.chmod(self.dir, 0o755)
        self.workers, self.tokens, self.process = workers, tokens, None
        for part in ("bin", "etc", "state", "state/journal"):
            os.mkdir(self.path(part))
            os.chmod(self.path(part), 0o755)
        shutil.copy(os.path.join(BUILD, "kskd"), self.path("bin/kskd"))
        os.chmod(self.path("bin/kskd"), 0o755)
        shutil.copy(os.path.join(HERE, "fake_child.py"), self.path("bin"))
        os.chmod(self.path("bin/fake_child.py"), 0o755)
        for program in PROGRAMS:
            shutil.copy(launcher(), self.path("bin", program))
            os.chmod(self.path("bin", program), 0o755)
        os.chmod(self.path("bin"), 0o777)  # fakes remove their orders
        self.write("bin/events", "", 0o666)
        self.plan()
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.write("state/appliance-id", "00112233445566778899aabbccddeeff\n")
        self.write("etc/policy.yaml", "good policy\n")
        self.write("etc/keymap", "# keymap one\n")
        self.write("etc/module.so", "no module at all")
        for i in range(tokens):
            self.write(f"etc/pin{i}", f"pin-{i}\n", 0o600)
        self.make_tls()
        self.config()

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.dir)

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def write(self, name, text, mode=0o644):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(self.path(name), mode)

    def make_tls(self, name="tls"):
        sh("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
           "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=test",
           "-days", "10", "-keyout", self.path(f"etc/{name}.key"),
           "-out", self.path(f"etc/{name}.crt"))
        os.chmod(self.path(f"etc/{name}.key"), 0o600)
        os.chmod(self.path(f"etc/{name}.crt"), 0o644)

    def config(self, extra="", **changes):
        values = {
            "listen": f'"127.0.0.1:{self.port}"',
            "state": f'"{self.path("state")}"',
            "policy": f'"{self.path("etc/policy.yaml")}"',
            "keymap": f'"{self.path("etc/keymap")}"',
            "accept": f'"{self.path("etc/accept")}"',
            "tls": f'{{key: "{self.path("etc/tls.key")}", '
                   f'certificate: "{self.path("etc/tls.crt")}"}}',
            "users": json.dumps(USERS).replace('"', ""),
            "tokens": "".join(f"""
  - name: t{i}
    module: "{self.path('etc/module.so')}"
    uri: "pkcs11:token=t{i}"
    pin: {{file: "{self.path(f'etc/pin{i}')}"}}
    workers: {self.workers}""" for i in range(self.tokens)) + "\n",
        }
        values.update(changes)
        self.write("etc/kskd.yaml", "".join(
            f"{k}: {v}\n" for k, v in values.items() if v is not None) + extra)

    def plan(self, **how):
        """plan(kskd_token={"start": "wrong"}); read at each start."""
        new = self.path("bin/plan.new")
        with open(new, "w", encoding="utf-8") as f:
            json.dump({k.replace("_", "-"): v for k, v in how.items()}, f)
        os.chmod(new, 0o644)
        os.rename(new, self.path("bin/plan.json"))

    # -- running --
    def argv(self, *more):
        return [self.path("bin/kskd"), "-c", self.path("etc/kskd.yaml"), *more]

    def start(self, ready=True, argv=None, **more):
        log = open(self.path("log"), "ab")
        self.process = subprocess.Popen(
            argv or self.argv(), stdin=subprocess.DEVNULL, stdout=log,
            stderr=log, **more)
        log.close()
        if ready:
            wait_for(lambda: self.log("started") or
                     self.process.poll() is not None)
            if self.process.poll() is not None:
                raise AssertionError(self.text())
        return self

    def run(self, *more):
        return subprocess.run(self.argv(*more), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=30 * SLOW)

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(10 * SLOW)

    def text(self):
        with open(self.path("log"), encoding="utf-8") as f:
            return f.read()

    def log(self, event):
        return [x for x in self.text().splitlines()
                if f" {event}: " in x and x.startswith("kskd: ")]

    def events(self, event=None, program=None, **match):
        with open(self.path("bin/events"), encoding="utf-8") as f:
            # A line that is being written is not there yet.
            every = [json.loads(x) for x in f if x.endswith("\n")]
        return [x for x in every
                if (event is None or x["event"] == event) and
                (program is None or x["program"] == program) and
                all(x.get(k) == v for k, v in match.items())]

    def all_ready(self, count=None):
        """The last ready process of each place, once all are there."""
        count = count or 2 + self.workers * self.tokens
        return wait_for(lambda: self.living() if
                        len(self.living()) == count else None)

    def living(self):
        """{(program, index): pid} of ready processes that are alive."""
        return {(x["program"], x["index"]): x["pid"]
                for x in self.events("ready") if alive(x["pid"])}

    def order(self, pid, packet):
        """Has a fake send a packet to kskd."""
        self.write(f"bin/send.new.{pid}", packet.hex(), 0o644)
        os.rename(self.path(f"bin/send.new.{pid}"),
                  self.path(f"bin/send.{pid}"))

    def reload(self):
        done = len(self.log("reload-done")) + len(self.log("reload-refused"))
        self.process.send_signal(signal.SIGHUP)
        wait_for(lambda: len(self.log("reload-done")) +
                 len(self.log("reload-refused")) > done, 15)

    def link(self, program, me=0, **match):
        """Generations of the links that a process in this place got."""
        return [x["generation"] for x in self.events(
            "link", program, me=me, **match)]


class Case(unittest.TestCase):
    def house(self, *args, **more):
        h = House(*args, **more)
        self.addCleanup(h.close)
        return h


class Start(Case):
    def test_order_slices_and_rights(self):
        h = self.house(workers=2, tokens=2).start()
        h.all_ready()
        starts = h.events("start")
        self.assertEqual(starts[0]["program"], SIGNER)
        signer_ready = h.events("ready", SIGNER)[0]["time"]
        for other in starts[1:]:
            self.assertGreater(other["time"], signer_ready)
        self.assertEqual(len(starts), 6)
        self.assertEqual(starts[0]["slice"]["tokens"], ["t0", "t1"])
        self.assertEqual(starts[0]["slice"]["workers"], [0, 0, 1, 1])
        self.assertEqual(starts[0]["slice"]["journal"],
                         h.path("state/journal/journal.db"))
        front = h.events("start", FRONTEND)[0]
        self.assertEqual(front["slice"]["limits"],
                         [600, 64, 5000, 600000, 10000])
        for x in starts:
            self.assertEqual(x["fds"], [0, 1, 2, 3], x)
            self.assertEqual(x["argc"], "1")
            # What the interpreter itself sets is not kskd's.
            self.assertEqual([k for k in x["env"] if k != "LC_CTYPE"], [])
            self.assertEqual(x["status"]["no_new_privs"], "1")
            self.assertEqual(int(x["status"]["caps"], 16), 0)
            self.assertEqual(int(x["status"]["permitted"], 16), 0)
            self.assertEqual(int(x["status"]["blocked"], 16), 0)
        if ROOT:
            uid = {FRONTEND: [64810], SIGNER: [64811], TOKEN: [64820, 64821]}
            for x in starts:
                ids = [int(y) for y in x["status"]["uid"].split()]
                self.assertEqual(len(set(ids)), 1)
                self.assertIn(ids[0], uid[x["program"]])
                self.assertEqual(x["status"]["groups"], "")
            policy = h.events("policy")[0]
            self.assertEqual(policy["status"]["uid"].split()[0], "64812")
            self.assertEqual(h.log("not-separated"), [])

    def test_files_are_passed(self):
        h = self.house(workers=1).start()
        h.all_ready()
        files = h.events("files", FRONTEND)[0]
        with open(h.path("etc/tls.key"), encoding="ascii") as f:
            self.assertEqual(files["key"], f.read())
        self.assertEqual(files["listening"], ["127.0.0.1", h.port])
        files = h.events("files", SIGNER)[0]
        self.assertEqual(files["table"], "table of good policy\n")
        self.assertEqual(files["accept"], "")  # there is none
        tried = h.events("try")[0]
        self.assertEqual(tried["pin"], "pin-0")
        self.assertEqual(tried["keymap"], "# keymap one\n")
        self.assertEqual(h.events("policy")[0]["start"], 25)

    def test_kskd_keeps_three_capabilities(self):
        h = self.house(workers=1).start()
        with open(f"/proc/{h.process.pid}/status", encoding="ascii") as f:
            lines = dict(x.split(":\t", 1) for x in f if ":\t" in x)
        kept = (1 << 5) | (1 << 6) | (1 << 7) if ROOT else 0
        self.assertEqual(int(lines["CapEff"], 16), kept)
        self.assertEqual(int(lines["CapPrm"], 16), kept)
        self.assertEqual(int(lines["NoNewPrivs"]), 1)

    def test_no_pin_in_sight(self):
        h = self.house(workers=2).start()
        h.all_ready()
        h.write("etc/pin0", "another-canary\n", 0o600)
        h.reload()
        h.stop()
        self.assertNotIn("pin-0", h.text())
        self.assertNotIn("another-canary", h.text())

    @unittest.skipUnless(ROOT, "needs root to become somebody else")
    def test_not_root(self):
        h = self.house(workers=1)
        for folder, _, files in os.walk(h.dir):
            for name in [folder] + [os.path.join(folder, x) for x in files]:
                os.chown(name, 64830, 64830)
        h.start(user=64830, group=64830, extra_groups=[])
        h.all_ready()
        self.assertEqual(len(h.log("not-separated")), 1)
        for x in h.events("start"):
            self.assertEqual(x["status"]["uid"].split()[0], "64830")
        h.reload()
        self.assertEqual(len(h.log("reload-done")), 1, h.text())
        self.assertEqual(h.stop(), 0)

    def test_notify(self):
        h = self.house(workers=1)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.bind(h.path("notify"))
            s.settimeout(10 * SLOW)
            h.start(env={**os.environ, "NOTIFY_SOCKET": h.path("notify")})
            self.assertEqual(s.recv(1000), b"READY=1")
            signer = h.all_ready()[SIGNER, 0]
            h.order(signer, struct.pack(">HHBBH", 0x15, 0, 4, 0, 3) + b"why")
            self.assertEqual(s.recv(1000), b"STATUS=clock-hold: why")
            h.reload()
            self.assertIn(b"RELOADING=1\nMONOTONIC_USEC=", s.recv(1000))
            self.assertEqual(s.recv(1000), b"READY=1")
            h.stop()
            self.assertEqual(s.recv(1000), b"STOPPING=1")

    def test_socket_activation(self):
        h = self.house(workers=1)
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            s.listen()
            argv = ["bash", "-c", f"exec 3<&{s.fileno()}; LISTEN_PID=$$ "
                    'LISTEN_FDS=1 exec "$0" "$@"'] + h.argv()
            h.start(argv=argv, pass_fds=[s.fileno()])
            self.assertEqual(h.events("files", FRONTEND)[0]["listening"],
                             list(s.getsockname()))
        h.stop()

    def test_second_instance_and_stale_lock(self):
        h = self.house(workers=1).start()
        children = list(h.all_ready().values())
        other = h.run()
        self.assertEqual(other.returncode, 17)
        self.assertIn(b"another kskd", other.stderr)
        h.process.kill()
        h.process.wait()
        # Nobody outlives kskd, and nothing blocks the next one.
        wait_for(lambda: not any(alive(x) for x in children))
        h.start(ready=False)
        wait_for(lambda: len(h.log("started")) == 2)

    def test_child_that_says_why_ends_the_start(self):
        h = self.house(workers=1)
        h.plan(kskd_signer={"start": "exit-early", "code": 14})
        h.start(ready=False)
        self.assertEqual(h.process.wait(10 * SLOW), 14)
        self.assertEqual(len(h.events("start")), 1)
        self.assertIn("journal is missing", h.log("child-dead")[0])
        h.plan(kskd_frontend={"start": "exit-early", "code": 1})
        h.start(ready=False)
        self.assertEqual(h.process.wait(10 * SLOW), 1)
        self.assertEqual(len(h.events("start", FRONTEND)), 4)


class Links(Case):
    def setUp(self):
        self.h = self.house(workers=2).start()
        self.before = self.h.all_ready()

    def kill(self, key):
        os.kill(self.before[key], signal.SIGKILL)
        wait_for(lambda: self.h.living().get(key, self.before[key]) !=
                 self.before[key], 2)
        after = self.h.all_ready()
        for other, pid in self.before.items():
            if other != key:
                self.assertEqual(after[other], pid)
        self.before = after

    def settled(self, count):
        wait_for(lambda: len(self.h.events("link")) == count)

    def test_first_links(self):
        h = self.h
        self.settled(6)
        self.assertEqual(h.link(FRONTEND, edge=1), [1])
        self.assertEqual(h.link(SIGNER, edge=1), [1])
        for i in (0, 1):
            self.assertEqual(h.link(SIGNER, edge=2, index=i), [1])
            self.assertEqual(h.link(TOKEN, me=i, edge=2, index=i), [1])

    def test_frontend_dies(self):
        self.settled(6)
        self.kill((FRONTEND, 0))
        self.settled(8)
        self.assertEqual(self.h.link(FRONTEND), [1, 2])
        self.assertEqual(self.h.link(SIGNER, edge=1), [1, 2])
        self.assertEqual(self.h.link(SIGNER, edge=2, index=0), [1])
        self.assertEqual(len(self.h.events("try")), 2)

    def test_signer_dies(self):
        self.settled(6)
        self.kill((SIGNER, 0))
        self.settled(12)
        self.assertEqual(self.h.link(FRONTEND), [1, 2])
        for i in (0, 1):
            self.assertEqual(self.h.link(SIGNER, edge=2, index=i), [1, 2])
            self.assertEqual(self.h.link(TOKEN, me=i), [1, 2])
        # Workers kept their login, and the new signer knows the token.
        self.assertEqual(len(self.h.events("try")), 2)
        last = self.h.events("token-state", SIGNER)[-1]
        self.assertEqual((last["state"], last["err"]), (0, 0))

    def test_worker_dies(self):
        h = self.h
        self.settled(6)
        self.kill((TOKEN, 1))
        self.settled(8)
        self.assertEqual(h.link(SIGNER, edge=2, index=1), [1, 2])
        self.assertEqual(h.link(SIGNER, edge=2, index=0), [1])
        dead = h.events("dead", SIGNER)
        self.assertEqual([(x["index"], x["generation"]) for x in dead],
                         [(1, 1)])
        # Dead is said before the new link comes.
        second = h.events("link", SIGNER, edge=2, index=1)[1]
        self.assertLess(dead[0]["time"], second["time"])
        self.assertIn('how="SIGKILL"', h.log("child-dead")[0])

    def test_no_socket_pair(self):
        """A link that the kernel did not give is made when it does."""
        h = self.h
        h.plan(kskd_token={"0": "slow", "seconds": 1})
        os.kill(h.all_ready()[TOKEN, 0], signal.SIGKILL)
        wait_for(lambda: len(h.events("try", index=0)) == 2)
        pid = h.process.pid
        soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        used = {int(x) for x in os.listdir(f"/proc/{pid}/fd")}
        free = min(set(range(len(used) + 1)) - used)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (free + 1, hard))
        wait_for(lambda: h.log("link-not-made"))
        after = h.all_ready()
        self.assertEqual(h.link(TOKEN, 0), [1])
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
        wait_for(lambda: h.link(TOKEN, 0) == [1, 2])
        self.assertEqual(h.link(SIGNER, 0, edge=2, index=0), [1, 2])
        self.assertEqual(len(h.log("link-not-made")), 1)
        self.assertEqual(h.all_ready(), after)

    def test_overdue(self):
        h = self.h
        self.settled(6)
        victim, signer = self.before[TOKEN, 0], self.before[SIGNER, 0]
        # A report about another life of the worker is late.
        h.order(signer, struct.pack(">HHI", OVERDUE, 0, 7))
        wait_for(lambda: not os.path.exists(h.path(f"bin/send.{signer}")))
        time.sleep(0.1)
        self.assertTrue(alive(victim))
        h.order(signer, struct.pack(">HHI", OVERDUE, 0, 1))
        wait_for(lambda: not alive(victim), 2)
        wait_for(lambda: h.events("dead", SIGNER, index=0, generation=1))
        self.settled(8)
        self.assertIn("the signer has it replaced", h.log("child-dead")[0])

    def test_broken_packets(self):
        """A child that breaks its format dies, kskd and the rest live."""
        h = self.h
        good_but_unasked = struct.pack(">H", 1)
        for key, packet in (((FRONTEND, 0), b"\xff\xff"),
                            ((SIGNER, 0), struct.pack(">HHI", OVERDUE, 9, 1)),
                            ((TOKEN, 0), good_but_unasked),
                            ((TOKEN, 1), struct.pack(">HHI", OVERDUE, 0, 1))):
            victim = h.all_ready()[key]
            h.order(victim, packet)
            wait_for(lambda: not alive(victim), 5)
            h.all_ready()
        self.assertEqual(len(h.log("peer-broken")), 4)
        self.assertEqual(h.stop(), 0)


class Backoff(Case):
    def test_twenty_kills_in_a_row(self):
        """As soon as one lives it dies: each time another is back within
        two seconds, and no login stays unknown."""
        h = self.house(workers=1).start()
        for key in ((FRONTEND, 0), (SIGNER, 0), (TOKEN, 0)):
            pid = h.all_ready()[key]
            for _ in range(20):
                os.kill(pid, signal.SIGKILL)
                old, pid = pid, wait_for(
                    lambda: next((p for k, p in h.living().items()
                                  if k == key and p != pid), None), 2)
                self.assertNotEqual(old, pid)
        h.all_ready()
        self.assertEqual(h.log("pin-refused"), [])

    def test_crashes_grow(self):
        """At once, then 100, 200, 400, … ms: about six starts in 3 s."""
        h = self.house(workers=1).start()
        h.all_ready()
        h.plan(kskd_frontend={"start": "exit-early"})
        os.kill(h.living()[FRONTEND, 0], signal.SIGKILL)
        time.sleep(3)
        starts = h.events("start", FRONTEND)[1:]
        self.assertLessEqual(len(starts), 7)
        self.assertGreaterEqual(len(starts), 3)
        gaps = [b["time"] - a["time"] for a, b in zip(starts, starts[1:])]
        self.assertGreater(gaps[-1], gaps[0])
        # Healed, it comes back, and the others never noticed.
        h.plan()
        wait_for(lambda: (FRONTEND, 0) in h.living())
        self.assertEqual(len(h.events("start", SIGNER)), 1)


class Login(Case):
    def tries(self, h, settle=0.6):
        """Logins tried, once no more come."""
        count = -1
        while count != len(h.events("try")):
            count = len(h.events("try"))
            time.sleep(settle)
        return count

    def mark(self, h, token=0):
        return h.path(f"state/pin-refused.t{token}")

    def test_one_at_a_time(self):
        h = self.house(workers=4).start()
        h.all_ready()
        told = h.events("ready", TOKEN)
        starts = h.events("start", TOKEN)
        for before, after in zip(told, starts[1:]):
            # LOGIN goes out just before READY; the next starts after it.
            self.assertLess(before["time"] - after["time"], 0.2)
        self.assertEqual([x["index"] for x in h.events("try")], [0, 1, 2, 3])
        self.assertEqual(len(h.log("worker-login")), 4)
        self.assertEqual(len(h.log("token-state")), 1)

    def refused(self, how, word, state_words):
        h = self.house(workers=4)
        h.plan(kskd_token={"start": how})
        h.start()
        self.assertEqual(self.tries(h), 1)
        self.assertEqual(len(h.log("pin-refused")), 1)
        self.assertIn(state_words, h.log("token-state")[-1])
        self.assertIn('state="locked"', h.log("token-state")[-1])
        last = h.events("token-state", SIGNER)[-1]
        self.assertEqual((last["index"], last["state"]), (0, 2))
        with open(self.mark(h), encoding="ascii") as f:
            text = f.read()
        self.assertIn(f"reason={word}\n", text)
        self.assertNotIn("pin-0", text)
        self.assertEqual(stat.S_IMODE(os.stat(self.mark(h)).st_mode), 0o600)
        # Not after a reload, a death of the signer, a restart, a kill -9.
        h.reload()
        os.kill(h.living()[SIGNER, 0], signal.SIGKILL)
        self.assertEqual(self.tries(h), 1)
        self.assertEqual(h.stop(), 0)
        h.plan()
        for number in (signal.SIGTERM, signal.SIGKILL):
            seen = len(h.log("started"))
            h.start(ready=False)
            wait_for(lambda: len(h.log("started")) > seen)
            self.assertEqual(self.tries(h), 1)
            h.stop(number)
        return h

    def test_wrong_pin_costs_one_try(self):
        h = self.refused("wrong", "pin-wrong", "refused the PIN")
        # A changed source is tried: by a restart.
        h.write("etc/pin0", "right\n", 0o600)
        seen = len(h.log("started"))
        h.start(ready=False)
        wait_for(lambda: len(h.log("started")) > seen)
        h.all_ready()
        self.assertEqual(self.tries(h), 5)
        self.assertFalse(os.path.exists(self.mark(h)))
        self.assertEqual(h.events("try")[-1]["pin"], "right")
        self.assertEqual(len(h.log("mark-cleared")), 1)

    def test_locked_pin(self):
        h = self.refused("locked", "pin-locked", "has locked the PIN")
        # And by a reload; wrong again, it is one more try and no more.
        h.plan(kskd_token={"start": "wrong"})
        h.start(ready=False)
        wait_for(lambda: h.process.poll() is None and
                 len(h.log("started")) == 4)
        os.utime(h.path("etc/pin0"))
        h.reload()
        self.assertEqual(self.tries(h), 2)
        h.plan()
        os.utime(h.path("etc/pin0"))
        h.reload()
        h.all_ready()
        self.assertEqual(self.tries(h), 6)
        self.assertIn('state="ready"', h.log("token-state")[-1])

    def change_pin_in_a_login(self, mode):
        """The PIN is wrong; while that is tried, a reload brings another."""
        h = self.house(workers=2)
        h.plan(kskd_token={"start": mode})
        h.start()
        wait_for(lambda: len(h.events("try")) == 1)
        h.write("etc/pin0", "right\n", 0o600)
        h.reload()
        self.assertEqual(len(h.log("reload-done")), 1)
        return h

    def test_a_pin_is_not_refused_for_the_one_before_it(self):
        for mode in ("gate-wrong", "gate-unfit"):
            h = self.change_pin_in_a_login(mode)
            h.plan()
            h.write("bin/gate", "")
            h.all_ready()
            self.assertEqual([x["pin"] for x in h.events("try")],
                             ["pin-0", "right", "right"])
            self.assertEqual(h.log("pin-refused"), [])
            self.assertFalse(os.path.exists(self.mark(h)))

    def test_a_locked_token_is_locked_for_every_pin(self):
        h = self.change_pin_in_a_login("gate-locked")
        h.write("bin/gate", "")
        self.assertEqual(self.tries(h), 1)
        self.assertTrue(os.path.exists(self.mark(h)))

    def test_a_death_over_the_pin_before_does_not_count(self):
        h = self.change_pin_in_a_login("gate-die")
        h.plan(kskd_token={"start": "die-after-pin"})
        h.write("bin/gate", "")
        self.assertEqual(self.tries(h, 1), 3)
        self.assertEqual([x["pin"] for x in h.events("try")],
                         ["pin-0", "right", "right"])
        self.assertEqual(len(h.log("pin-refused")), 1)

    def test_unfit_pin(self):
        self.refused("unfit", "pin-unfit", "can't be used")

    def test_one_token_does_not_lock_another(self):
        h = self.house(workers=2, tokens=2)
        h.plan(kskd_token={"0": "wrong", "1": "wrong"})
        h.start()
        h.all_ready(4)
        self.assertEqual(self.tries(h), 3)
        self.assertFalse(os.path.exists(self.mark(h, 1)))

    def test_login_without_an_answer_is_tried_twice(self):
        h = self.house(workers=4)
        h.plan(kskd_token={"start": "die-after-pin"})
        h.start()
        self.assertEqual(self.tries(h, 1), 2)
        self.assertIn("two logins in a row", h.log("token-state")[-1])
        self.assertTrue(os.path.exists(self.mark(h)))

    def test_pin_still_in_the_pipe_was_not_tried(self):
        h = self.house(workers=2)
        h.plan(kskd_token={"start": "die-before-pin"})
        h.start()
        wait_for(lambda: len(h.events("start", TOKEN)) >= 4)
        self.assertEqual(h.log("pin-refused"), [])
        self.assertEqual(h.events("try"), [])
        h.plan()
        h.all_ready()

    def test_token_trouble_is_tried_again(self):
        h = self.house(workers=2)
        h.plan(kskd_token={"start": "token"})
        h.start()
        wait_for(lambda: len(h.events("try")) >= 4)
        # One line for the change, not one per try.
        lines = h.log("token-state")
        self.assertEqual(len(lines), 1, lines)
        self.assertIn("the token is unplugged", lines[0])
        self.assertIn('state="token-down"', lines[0])
        # A new signer hears of it.
        os.kill(h.living()[SIGNER, 0], signal.SIGKILL)
        wait_for(lambda: len(h.events("ready", SIGNER)) == 2)
        wait_for(lambda: h.events("token-state", SIGNER)[-1]["pid"] ==
                 h.events("ready", SIGNER)[-1]["pid"])
        last = h.events("token-state", SIGNER)[-1]
        self.assertEqual((last["state"], last["err"], last["why"]),
                         (1, 18, "the token is unplugged"))
        h.plan()
        h.all_ready()
        wait_for(lambda: h.events("token-state", SIGNER)[-1]["state"] == 0)
        self.assertEqual(len(h.log("token-state")), 2)
        gaps = [x["time"] for x in h.events("try")]
        self.assertGreater(gaps[3] - gaps[2], gaps[1] - gaps[0])

    def test_refusal_beside_a_worker_that_is_logged_in(self):
        h = self.house(workers=2).start()
        before = h.all_ready()
        h.plan(kskd_token={"start": "wrong"})
        os.kill(before[TOKEN, 0], signal.SIGKILL)
        wait_for(lambda: h.log("pin-refused"))
        self.assertEqual(self.tries(h), 3)
        # The token still signs; it is locked when the last worker goes.
        self.assertNotIn("locked", h.log("token-state")[-1])
        os.kill(before[TOKEN, 1], signal.SIGKILL)
        wait_for(lambda: 'state="locked"' in h.log("token-state")[-1])
        self.assertEqual(self.tries(h), 3)


class Stop(Case):
    def test_order(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            h = self.house(workers=2).start()
            h.all_ready()
            self.assertEqual(h.stop(number), 0)
            order = [x["program"] for x in h.events("stop")]
            self.assertEqual(order, [FRONTEND, SIGNER, TOKEN, TOKEN])
            self.assertEqual(len(h.log("child-ended")), 4)
            self.assertEqual(h.log("child-dead"), [])
            self.assertEqual(len(h.log("stopped")), 1)

    def test_one_that_does_not_stop(self):
        h = self.house(workers=1).start()
        pids = h.all_ready().values()
        h.plan(kskd_frontend={"stop": "ignore"}, kskd_token={"stop": "ignore"})
        begin = time.monotonic()
        self.assertEqual(h.stop(), 0)
        took = time.monotonic() - begin
        self.assertGreater(took, 4.5)
        self.assertLess(took, 6 * SLOW)
        self.assertEqual([x["program"] for x in h.events("stop")],
                         [FRONTEND, SIGNER, TOKEN])
        self.assertFalse(any(alive(x) for x in pids))
        self.assertIn("did not stop in time", h.log("child-dead")[0])


class Reload(Case):
    def setUp(self):
        self.h = self.house(workers=2).start()
        self.before = self.h.all_ready()

    def change_all(self):
        h = self.h
        h.write("etc/policy.yaml", "better policy\n")
        h.write("etc/keymap", "# keymap two\n")
        h.write("etc/accept", "a word\n")
        h.make_tls()
        with open(h.path("etc/tls.key"), encoding="ascii") as f:
            return f.read()

    def check_refused(self, words, prepared=0):
        """Nothing changed: nobody died, all asked were told to forget it,
        and whoever starts now gets the old files."""
        h = self.h
        self.assertEqual(h.log("reload-done"), [])
        self.assertIn(words, h.log("reload-refused")[-1])
        wait_for(lambda: len(h.events("prepare")) >= prepared)
        self.assertEqual(len(h.events("prepare")), prepared)
        asked = [x for x in h.events("prepare") if alive(x["pid"]) and
                 x["program"] != SIGNER]
        wait_for(lambda: len([x for x in h.events("abort")
                              if x["program"] != SIGNER]) == len(asked))
        # The signer hears of each, and has its keys looked up by the old.
        wait_for(lambda: len(h.events("abort", SIGNER)) == len(
            {x["number"] for x in h.events("prepare")}))
        self.assertEqual(h.events("commit"), [])
        self.assertEqual(h.all_ready(), self.before)
        h.plan()
        os.kill(self.before[SIGNER, 0], signal.SIGKILL)
        wait_for(lambda: len(h.events("files", SIGNER)) == 2)
        self.assertEqual(h.events("files", SIGNER)[-1]["table"],
                         "table of good policy\n")

    def test_all_change_over(self):
        h = self.h
        key = self.change_all()
        h.reload()
        self.assertEqual(len(h.log("reload-done")), 1, h.text())
        wait_for(lambda: len(h.events("commit")) == 4)
        asked = h.events("prepare")
        self.assertEqual(len(asked), 4)
        # Everybody has agreed before anybody changes over.
        self.assertLess(max(x["time"] for x in asked),
                        min(x["time"] for x in h.events("commit")))
        # The signer makes use of what the others then know.
        self.assertEqual(max(asked, key=lambda x: x["time"])["program"],
                         SIGNER)
        files = {x["program"]: x["files"] for x in asked}
        self.assertEqual(files[SIGNER], ["table of better policy\n",
                                         "a word\n"])
        self.assertEqual(files[TOKEN], ["# keymap two\n"])
        self.assertEqual(files[FRONTEND][0], key)
        self.assertEqual(h.all_ready(), self.before)
        self.assertEqual(h.events("abort"), [])
        # Whoever starts later has the new files.
        os.kill(self.before[FRONTEND, 0], signal.SIGKILL)
        wait_for(lambda: len(h.events("files", FRONTEND)) == 2)
        self.assertEqual(h.events("files", FRONTEND)[-1]["key"], key)

    def test_one_child_refuses(self):
        self.change_all()
        self.h.plan(kskd_signer={"prepare": "the version went back"})
        self.h.reload()
        self.check_refused("kskd-signer: the version went back", 4)

    def test_a_word_that_others_may_write(self):
        self.change_all()
        os.chmod(self.h.path("etc/accept"), 0o664)
        self.h.reload()
        self.check_refused("chmod go-w")

    def test_one_child_dies(self):
        h = self.h
        self.change_all()
        h.plan(kskd_frontend={"prepare": "die"})
        h.reload()
        self.assertEqual(len(h.log("reload-again")), 2)
        self.assertIn("kskd-frontend died", h.log("reload-refused")[-1])
        h.plan()
        self.before = h.all_ready()
        self.check_refused("kskd-frontend died", 9)

    def test_one_child_dies_once(self):
        """Its successor is asked too before anybody changes over."""
        h = self.h
        self.change_all()
        h.plan(kskd_frontend={"prepare": "die"})
        os.kill(h.process.pid, signal.SIGHUP)
        wait_for(lambda: h.log("reload-again"))
        h.plan()
        wait_for(lambda: h.log("reload-done"), 15)
        self.assertEqual(h.log("reload-refused"), [])
        last = h.events("prepare")[-4:]
        self.assertEqual({x["pid"] for x in last},
                         set(h.all_ready().values()))
        wait_for(lambda: len(h.events("commit")) == 4)

    def test_one_child_is_silent(self):
        self.change_all()
        self.h.plan(kskd_token={"prepare": "silent"})
        begin = time.monotonic()
        self.h.reload()
        self.assertGreater(time.monotonic() - begin, 9)
        self.check_refused("not every child answered", 3)

    def test_wrong_policy(self):
        self.change_all()
        self.h.write("etc/policy.yaml", "BAD")
        self.h.reload()
        self.check_refused("policy.yaml: line 1, column 1: BAD")

    def test_unsealed_table(self):
        self.change_all()
        self.h.write("etc/policy.yaml", "UNSEALED")
        self.h.reload()
        self.check_refused("no sealed table")

    def test_wrong_files(self):
        h = self.h
        self.change_all()
        h.config("lisen: x\n")
        h.reload()
        self.assertIn("line", h.log("reload-refused")[-1])
        h.config()
        os.unlink(h.path("etc/keymap"))
        h.reload()
        self.check_refused("keymap")

    def test_what_takes_a_restart(self):
        h = self.h
        self.change_all()
        for words, change in (
                ("listen", {"listen": '"127.0.0.1:1"'}),
                ("limits", {"limits": "{idle: 7m}"}),
                ("tokens", {"tokens": f"""
  - {{name: t0, module: "{h.path('etc/module.so')}", uri: "pkcs11:token=t0",
     pin: {{file: "{h.path('etc/pin0')}"}}, workers: 3}}\n"""})):
            h.config(**change)
            h.reload()
            self.assertIn(f'key \\"{words}\\" has changed',
                          h.log("reload-refused")[-1])
        h.config()
        self.check_refused("takes a restart")

    def test_one_that_is_starting_catches_up(self):
        h = self.h
        h.plan(kskd_token={"1": "slow", "seconds": 1.5})
        os.kill(self.before[TOKEN, 1], signal.SIGKILL)
        wait_for(lambda: len(h.events("try", index=1)) == 2)
        self.change_all()
        h.reload()
        self.assertEqual(len(h.log("reload-done")), 1, h.text())
        self.assertEqual(len(h.events("prepare")), 3)
        after = h.all_ready()
        wait_for(lambda: len(h.events("commit")) == 4)
        late = h.events("prepare", pid=after[TOKEN, 1])
        self.assertEqual(late[0]["files"], ["# keymap two\n"])
        self.assertTrue(alive(after[TOKEN, 1]))

    def start_signer_slowly(self, **more):
        """Kills the signer; its successor takes a while, then does more."""
        self.h.plan(kskd_signer={"start": "slow", "seconds": 1.5, **more})
        os.kill(self.before[SIGNER, 0], signal.SIGKILL)
        wait_for(lambda: len(self.h.events("start", SIGNER)) == 2)
        self.change_all()

    def test_a_signer_that_is_starting_is_asked(self):
        h = self.h
        self.start_signer_slowly()
        h.reload()
        self.assertEqual(len(h.log("reload-done")), 1, h.text())
        self.assertIn("kskd-signer was not ready", h.log("reload-again")[0])
        after = h.all_ready()
        wait_for(lambda: len(h.events("commit")) == 4)
        asked = h.events("prepare", pid=after[SIGNER, 0])
        self.assertEqual([x["files"] for x in asked],
                         [["table of better policy\n", "a word\n"]])
        self.assertLess(asked[0]["time"],
                        min(x["time"] for x in h.events("commit")))

    def test_a_signer_that_is_starting_may_refuse(self):
        """What it refuses, its successor could not even start with."""
        h = self.h
        self.start_signer_slowly(prepare="the version went back")
        h.reload()
        after = h.all_ready()
        self.assertEqual(h.log("reload-done"), [])
        self.assertIn("the version went back", h.log("reload-refused")[-1])
        wait_for(lambda: len(h.events("abort")) == 7)
        self.assertEqual(h.events("commit"), [])
        h.plan()
        os.kill(after[SIGNER, 0], signal.SIGKILL)
        wait_for(lambda: len(h.events("files", SIGNER)) == 3)
        self.assertEqual(h.events("files", SIGNER)[-1]["table"],
                         "table of good policy\n")

    def test_a_signal_while_one_is_waited_for(self):
        """What comes after it is read already."""
        h = self.h
        self.start_signer_slowly()
        h.process.send_signal(signal.SIGHUP)
        wait_for(lambda: h.log("reload-again"))
        h.write("etc/policy.yaml", "best policy\n")
        h.process.send_signal(signal.SIGHUP)
        wait_for(lambda: len(h.events("commit")) == 4)
        self.assertEqual(h.events("prepare", SIGNER)[-1]["files"][0],
                         "table of best policy\n")
        time.sleep(0.5)
        self.assertEqual(len(h.log("reload-done")), 1, h.text())

    def test_a_stop_while_one_is_waited_for(self):
        h = self.h
        self.start_signer_slowly()
        h.process.send_signal(signal.SIGHUP)
        wait_for(lambda: h.log("reload-again"))
        self.assertEqual(h.stop(), 0)
        self.assertIn("kskd stops", h.log("reload-refused")[-1])
        self.assertEqual(h.events("commit"), [])

    def test_many_at_once(self):
        h = self.h
        h.write("etc/policy.yaml", "SLOW policy\n")
        for _ in range(5):
            h.process.send_signal(signal.SIGHUP)
            time.sleep(0.05)
        wait_for(lambda: len(h.log("reload-done")) == 2)
        self.assertEqual(h.all_ready(), self.before)


class Misconfiguration(Case):
    """One line with cause and remedy, a stable exit code, nothing started;
    the same for -n and for a start."""

    def setUp(self):
        self.h = self.house(workers=2)

    def check(self, code, *words):
        for more in ([], ["-n"]):
            done = self.h.run(*more)
            err = done.stderr.decode()
            self.assertEqual(done.returncode, code, err)
            self.assertEqual(len(err.splitlines()), 1, err)
            self.assertTrue(err.startswith("kskd: error "), err)
            for word in words:
                self.assertIn(word, err)
        self.assertEqual(self.h.events("start"), [])

    def test_good(self):
        done = self.h.run("-n")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr, b"")
        self.assertIn(b"in order", done.stdout)
        self.assertEqual(self.h.events("start"), [])

    def test_usage(self):
        for argv in (["-x"], ["surplus"], ["-c"]):
            self.assertEqual(self.h.run(*argv).returncode, 2)
        done = self.h.run("-V")
        self.assertEqual((done.returncode, done.stdout[:5]), (0, b"kskd "))
        self.assertEqual(self.h.run("-h").returncode, 0)

    def test_bad_yaml(self):
        self.h.config("  odd indent\n")
        self.check(3, "kskd.yaml: line")
        self.h.config("lisen: x\n")
        self.check(3, "line 15, column 1: lisen: ", "listen")

    def test_no_configuration(self):
        os.unlink(self.h.path("etc/kskd.yaml"))
        self.check(7, "kskd.yaml does not exist")

    def test_missing_certificate(self):
        os.unlink(self.h.path("etc/tls.crt"))
        self.check(5, "TLS certificate", "does not exist", "kskadm tls init")

    def test_unreadable_certificate(self):
        self.h.write("etc/tls.crt", "no PEM")
        self.check(5, "holds no certificate", "kskadm tls init")

    def test_missing_and_open_key(self):
        os.chmod(self.h.path("etc/tls.key"), 0o644)
        self.check(7, "open to others", "chmod 600")
        os.unlink(self.h.path("etc/tls.key"))
        self.check(5, "TLS key", "does not exist", "kskadm tls init")

    def test_long_certificate(self):
        """What the frontend would not read is not called in order."""
        with open(self.h.path("etc/tls.crt"), "a", encoding="ascii") as f:
            f.write("x" * 40000)
        self.check(5, "tls.crt is longer than")

    def test_key_of_another_certificate(self):
        self.h.make_tls("other")
        os.rename(self.h.path("etc/other.key"), self.h.path("etc/tls.key"))
        self.check(5, "is not the key of certificate")

    def test_keys_that_tls_can_not_use(self):
        """They load, and then no handshake would succeed."""
        dsa = self.h.path("dsa")
        sh("openssl", "genpkey", "-genparam", "-algorithm", "DSA", "-pkeyopt",
           "dsa_paramgen_bits:1024", "-out", dsa)
        for kind in (("rsa:1024",), ("dsa:" + dsa,),
                     ("ec", "-pkeyopt", "ec_paramgen_curve:secp256k1")):
            sh("openssl", "req", "-x509", "-newkey", *kind, "-nodes",
               "-subj", "/CN=test", "-keyout", self.h.path("etc/tls.key"),
               "-out", self.h.path("etc/tls.crt"))
            self.check(5, "TLS key", "P-256", "kskadm tls init")

    def test_certificate_with_a_weak_signature(self):
        """OpenSSL would make no context with it; -n says so too."""
        self.h.make_tls("ca")
        csr, key = self.h.path("etc/csr"), self.h.path("etc/tls.key")
        sh("openssl", "req", "-new", "-key", key, "-subj", "/CN=leaf",
           "-out", csr)
        argv = ["openssl", "x509", "-req", "-in", csr, "-CA",
                self.h.path("etc/ca.crt"), "-CAkey", self.h.path("etc/ca.key"),
                "-CAcreateserial", "-out", self.h.path("etc/tls.crt")]
        sh(*argv, "-sha1")
        self.check(5, "too weak", f"openssl req -x509 -key {key} -subj")
        sh(*argv, "-sha256")
        self.assertEqual(self.h.run("-n").returncode, 0)

    def test_encrypted_key(self):
        sh("openssl", "ec", "-in", self.h.path("etc/tls.key"), "-aes128",
           "-passout", "pass:x", "-out", self.h.path("etc/tls.key.new"))
        os.rename(self.h.path("etc/tls.key.new"), self.h.path("etc/tls.key"))
        os.chmod(self.h.path("etc/tls.key"), 0o600)
        self.check(5, "is encrypted")

    def test_certificate_out_of_date(self):
        csr, key = self.h.path("etc/csr"), self.h.path("etc/tls.key")
        sh("openssl", "req", "-new", "-key", key, "-subj", "/CN=test",
           "-out", csr)
        sh("openssl", "x509", "-req", "-in", csr, "-signkey", key,
           "-days", "-1", "-out", self.h.path("etc/tls.crt"))
        self.check(5, "is not valid after",
                   f"openssl req -x509 -key {key} -subj")

    def test_wrong_owner(self):
        self.h.write("etc/accept", "a word\n")
        for name in ("kskd.yaml", "policy.yaml", "keymap", "accept"):
            path = self.h.path("etc", name)
            os.chmod(path, 0o666)
            self.check(7, name, "chmod go-w")
            os.chmod(path, 0o644)
            if ROOT:
                os.chown(path, 64831, 0)
                self.check(7, name, "belongs to uid 64831", "chown root")
                os.chown(path, 0, 0)

    def test_state_folder_of_others(self):
        """Whoever may write there could remove the mark of a refused PIN."""
        path = self.h.path("state")
        mode = os.stat(path).st_mode & 0o7777
        os.chmod(path, 0o777)
        self.check(7, "state folder", "chmod go-w")
        os.chmod(path, mode)
        if ROOT:
            os.chown(path, 64831, 0)
            self.check(7, "state folder", "chown root")
            os.chown(path, 0, 0)

    def test_missing_files(self):
        for name, words in (("etc/policy.yaml", "policy"),
                            ("etc/keymap", "kskadm key"),
                            ("state/appliance-id", "kskadm init")):
            os.rename(self.h.path(name), self.h.path("kept"))
            self.check(7, "does not exist", words)
            os.rename(self.h.path("kept"), self.h.path(name))

    def test_accept_file_too_long(self):
        self.h.write("etc/accept", "x" * 4097)
        self.check(7, "accept", "longer than 4096 bytes")

    def test_missing_journal_folder(self):
        os.rmdir(self.h.path("state/journal"))
        self.check(14, "journal", "kskadm init")

    def test_wrong_policy(self):
        self.h.write("etc/policy.yaml", "BAD")
        done = self.h.run()
        self.assertEqual(done.returncode, 4)
        lines = done.stderr.decode().splitlines()
        # Every fault of a policy is told, one a line.
        self.assertEqual(len(lines), 2)
        self.assertIn("policy.yaml: line 1, column 1: BAD", lines[0])
        self.assertEqual(self.h.events("start"), [])

    def test_module(self):
        os.chmod(self.h.path("etc/module.so"), 0o666)
        self.check(7, "module.so", "chmod go-w")
        os.unlink(self.h.path("etc/module.so"))
        self.check(8, "module.so does not exist")

    def test_module_with_another_digest(self):
        text = f"""
  - name: t0
    module: "{self.h.path('etc/module.so')}"
    uri: "pkcs11:token=t0"
    pin: {{file: "{self.h.path('etc/pin0')}"}}
    sha256: {'00' * 32}\n"""
        self.h.config(tokens=text)
        self.check(8, "SHA-256", "module.so")
        sha = subprocess.run(
            ["sha256sum", self.h.path("etc/module.so")], check=True,
            stdout=subprocess.PIPE).stdout.decode().split()[0]
        self.h.config(tokens=text.replace("00" * 32, sha))
        self.assertEqual(self.h.run("-n").returncode, 0)

    def test_port_in_use(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            s.listen()
            self.h.config(listen=f'"127.0.0.1:{s.getsockname()[1]}"')
            done = self.h.run()
        self.assertEqual(done.returncode, 6)
        self.assertEqual(len(done.stderr.splitlines()), 1)
        self.assertIn(b"Address already in use", done.stderr)
        self.assertIn(b"ss -ltnp", done.stderr)

    def test_address_of_nobody(self):
        self.h.config(listen='"192.0.2.1:8853"')
        done = self.h.run()
        self.assertEqual(done.returncode, 6)
        self.assertIn(b"no interface", done.stderr)

    def test_pin_files(self):
        """Case C28: odd PIN files are refused before any login."""
        path = self.h.path("etc/pin0")
        for data, words in ((b"", "is empty"), (b"\n", "is empty"),
                            (b"\r\n", "is empty"),
                            (b"1234\n\n", "more than one line"),
                            (b"12\r34", "more than one line"),
                            (b"1234\n5678", "more than one line"),
                            (b"12\0" b"34", "zero byte"),
                            (b"1234" + 300 * b"x", "longer than 256"),
                            (b"1" * 257, "longer than 256")):
            with open(path, "wb") as f:
                f.write(data)
            self.check(12, path, words)
        for mode in (0o644, 0o640):
            os.chmod(path, mode)
            self.check(7, "open to others", "chmod 600")
        os.unlink(path)
        self.check(12, "does not exist")
        os.mkfifo(path, 0o600)
        self.check(12, "regular file")
        os.unlink(path)
        os.mkdir(path, 0o700)
        self.check(12, "is a folder")

    def test_pin_bytes(self):
        """Case C28: one line end is cut, nothing else."""
        for data, pin in ((b"1234", "1234"), (b"1234\n", "1234"),
                          (b"1234\r\n", "1234"), (b" 1234", " 1234"),
                          (b"1" * 256, "1" * 256)):
            h = self.house(workers=1)
            with open(h.path("etc/pin0"), "wb") as f:
                f.write(data)
            h.start()
            h.all_ready()
            self.assertEqual(h.events("try")[0]["pin"], pin)
            h.stop()

    def test_credential(self):
        h = self.h
        h.config(tokens=f"""
  - {{name: t0, module: "{h.path('etc/module.so')}", uri: "pkcs11:token=t0",
     pin: {{credential: my-pin}}}}\n""")
        self.check(12, "credential my-pin", "LoadCredential")
        os.mkdir(h.path("cred"), 0o700)
        h.write("cred/my-pin", "from systemd", 0o400)
        h.start(env={**os.environ, "CREDENTIALS_DIRECTORY": h.path("cred")})
        h.all_ready()
        self.assertEqual(h.events("try")[0]["pin"], "from systemd")


if __name__ == "__main__":
    unittest.main()
