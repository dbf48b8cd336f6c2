#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""`make bench`: what an answer costs, beside what its parts cost alone.

Everything is measured in one run on one machine, in turn, several rounds; the
medians are compared. Only ratios mean something: the machine may be busy with
other things. Prints a table and writes build/bench.json. All processes and
files are gone at the end.

    bench.py [--rounds N] [--seconds S] [--only NAME[,NAME]]
"""
import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(os.path.dirname(HERE), part)
                for part in ("integration", "fault")]
import appliance as ap  # noqa: E402
import fault as kskfault  # noqa: E402

URI = "pkcs11:token=ksk"
CLIENT_MODULE = "pkcs11/p11-kit-client.so"
SLOW_US = 10_000
SLOW_WORKERS = 8
RSA_ZONE = "rsa.example."


def program(name):
    return os.path.join(ap.BUILD, "tests", "bench", name)


class P11Kit:
    """`p11-kit server` in front of SoftHSM."""

    def __init__(self, folder, env):
        self.env = dict(env)
        self.socket = os.path.join(folder, "p11-kit.socket")
        libdir = ap.sh("pkg-config", "--variable=libdir", "p11-kit-1").out
        self.module = os.path.join(libdir.strip(), CLIENT_MODULE)
        self.process = subprocess.Popen(
            ["p11-kit", "server", "--foreground", "--provider", ap.SOFTHSM,
             "--name", self.socket, URI], env=self.env,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        try:
            ap.wait_for(lambda: os.path.exists(self.socket))
        except BaseException:
            self.close()
            raise
        self.env["P11_KIT_SERVER_ADDRESS"] = \
            "unix:path=" + urllib.parse.quote(self.socket)

    def close(self):
        self.process.terminate()
        self.process.wait()


class Bench:
    """What is measured stands in `table`: name, unit, function."""

    def __init__(self, seconds):
        self.seconds = seconds
        self.closing = []
        self.files = 0
        self.folder = None

    # ---- what must stand before anything is measured ----

    def make(self):
        self.fast = self.standard()
        self.fast.add_ksk(RSA_ZONE, "rsa", 8, 2048)
        self.rsa_zsk = ap.Zsk(self.fast.path("rsa"), RSA_ZONE, 8, 2048)
        self.fast.add_zone(RSA_ZONE, ["rsa"], {"alpha": [self.rsa_zsk]},
                           algorithms="[8]")
        self.fast.write_policy()
        self.fast.start()
        self.slow = self.standard(SLOW_WORKERS)
        self.slow_down(self.slow)
        self.slow.start()
        self.folder = self.fast.path("bench")
        os.mkdir(self.folder, 0o700)
        self.env = dict(os.environ,
                        SOFTHSM2_CONF=self.fast.path("etc/softhsm2.conf"))
        self.p11kit = P11Kit(self.folder, self.env)
        self.closing.append(self.p11kit.close)

    def standard(self, workers=2):
        a = ap.standard(workers=workers)
        self.closing.append(lambda: a.__exit__(None, None, None))
        return a

    def slow_down(self, a):
        """Each C_Sign takes as long as a network HSM's."""
        fault = kskfault.Fault(a.path("module"), build=ap.BUILD)
        self.closing.append(fault.close)
        paths = "".join(
            f'      - {{path: "{path}", access: {access}}}\n'
            for path, access in (
                (a.path("tokens"), "rw"), (a.path("etc/softhsm2.conf"), "r"),
                (a.path("module"), "rw")))
        a.config(tokens=f"""
  - name: main
    module: "{fault.module}"
    uri: "{URI}"
    pin: {{file: "{a.path('etc/pin.main')}"}}
    workers: {a.workers}
    environment: ["SOFTHSM2_CONF={a.path('etc/softhsm2.conf')}"]
    paths:
{paths}""")
        fault.delay("C_Sign", SLOW_US, late=True)

    def close(self):
        for close in reversed(self.closing):
            try:
                close()
            except Exception as e:  # the others must end too
                print(e, file=sys.stderr)

    # ---- measurements: each returns a number or several ----

    def run(self, name, *argv, env=None):
        done = subprocess.run(
            [program(name)] + [str(a) for a in argv], env=env or self.env,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
            timeout=60, check=False)
        if done.returncode != 0:  # what failed stands on stderr
            raise SystemExit(f"{name} ended with {done.returncode}")
        numbers = [float(x) for x in done.stdout.split()]
        return numbers[0] if len(numbers) == 1 else numbers

    def token(self, mode, processes, label="ksk1", algorithm=13, module=None,
              env=None, more=()):
        return self.run("bench_token", mode, module or ap.SOFTHSM, URI,
                        self.fast.path("etc/pin.main"), label, algorithm,
                        processes, self.seconds, *more, env=env)

    def through_p11kit(self, processes):
        return self.token("raw", processes, module=self.p11kit.module,
                          env=self.p11kit.env)

    def database(self):
        self.files += 1
        return os.path.join(self.folder, f"{self.files}.db")

    def commits(self, records):
        return self.run("bench_commit", self.database(), records,
                        self.seconds / 2)

    def parts(self):
        return self.token("parts", 1, more=[self.database()])

    def asked(self, a, zone, zsks, in_flight):
        path = os.path.join(self.folder, "set")
        with open(path, "w", encoding="ascii") as f:
            f.writelines(r.hex() + "\n" for r in a.keyset(zone, zsks)[4])
        return self.run("bench_appliance", a.port, a.path("auto.crt"),
                        a.path("auto.key"), zone, path, in_flight,
                        self.seconds)

    def appliance(self, in_flight):
        a = self.fast
        return self.asked(a, a.zone, [a.zsk1, a.zsk2], in_flight)

    def rsa(self):
        return self.asked(self.fast, RSA_ZONE, [self.rsa_zsk], 64)[0]

    def slow_token(self):
        a = self.slow
        return self.asked(a, a.zone, [a.zsk1, a.zsk2], 64)[0]

    def table(self):
        return {
            "raw_1": lambda: self.token("raw", 1),
            "raw_2": lambda: self.token("raw", 2),
            "raw_verify_2": lambda: self.token("verify", 2),
            "p11kit_1": lambda: self.through_p11kit(1),
            "p11kit_2": lambda: self.through_p11kit(2),
            "commit_1_us": lambda: self.commits(1),
            "commit_24_us": lambda: self.commits(24),
            "bare_parts_us": self.parts,
            "appliance_1": lambda: self.appliance(1),
            "appliance_8": lambda: self.appliance(8),
            "appliance_64": lambda: self.appliance(64),
            "rsa_raw_2": lambda: self.token("raw", 2, "rsa", 8),
            "rsa_appliance": self.rsa,
            "slow_token": self.slow_token,
        }


def median(values):
    if isinstance(values[0], list):
        return [statistics.median(column) for column in zip(*values)]
    return statistics.median(values)


def measure(bench, rounds, only):
    table = bench.table()
    names = [n for n in table if not only or n in only]
    found = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            found[name].append(table[name]())
    return {name: median(values) for name, values in found.items()}


def as_json(m):
    def flight(n):
        rate, p50, p99 = m[f"appliance_{n}"]
        return {"rate": round(rate, 1), "p50_us": round(p50, 1),
                "p99_us": round(p99, 1)}

    def plain(*names):
        return {name: round(m[name], 1) for name in names}
    return {
        "p256": dict(plain("raw_1", "raw_2", "raw_verify_2", "p11kit_1",
                           "p11kit_2", "bare_parts_us"),
                     appliance={str(n): flight(n) for n in (1, 8, 64)}),
        "rsa2048": {"raw_2": round(m["rsa_raw_2"], 1),
                    "appliance_2_workers": round(m["rsa_appliance"], 1)},
        "slow_token": {"rate": round(m["slow_token"], 1),
                       "possible": SLOW_WORKERS * 1e6 / SLOW_US},
    }


def print_rows(m):
    raw = m.get("raw_verify_2")
    bare = m.get("bare_parts_us")
    ratios = {
        "raw_1": ("raw_2", m.get("raw_2")),
        "raw_verify_2": ("raw_2", m.get("raw_2")),
        "p11kit_1": ("raw_1", m.get("raw_1")),
        "p11kit_2": ("raw_2", m.get("raw_2")),
        "appliance_8": ("raw_verify_2", raw),
        "appliance_64": ("raw_verify_2", raw),
        "rsa_appliance": ("rsa_raw_2", m.get("rsa_raw_2")),
        "slow_token": ("what 8 workers can", SLOW_WORKERS * 1e6 / SLOW_US),
    }
    print(f"{'':16}{'per second':>12}{'p50 µs':>10}{'p99 µs':>10}   ratio")
    for name, value in m.items():
        rate, p50, p99 = value if isinstance(value, list) else \
            (None, value, None) if name.endswith("_us") else \
            (value, None, None)
        line = f"{name:16}"
        for number, width in ((rate, 12), (p50, 10), (p99, 10)):
            line += " " * width if number is None else f"{number:{width}.0f}"
        if name == "appliance_1" and bare:
            line += f"   {p50 / bare:.2f} × bare_parts_us (p50)"
        elif name in ratios and ratios[name][1]:
            line += f"   {rate / ratios[name][1]:.2f} of {ratios[name][0]}"
        print(line)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.2)
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    only = [n for n in args.only.split(",") if n]
    os.umask(0o022)
    # What was started is stopped and removed, however this ends.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    bench = Bench(args.seconds)
    try:
        bench.make()
        medians = measure(bench, args.rounds, only)
    finally:
        bench.close()
    print_rows(medians)
    if only:
        return
    path = os.path.join(ap.BUILD, "bench.json")
    with tempfile.NamedTemporaryFile("w", dir=ap.BUILD, delete=False) as f:
        json.dump(as_json(medians), f, indent=1)
        f.write("\n")
    os.chmod(f.name, 0o644)
    os.replace(f.name, path)
    print(f"written to {os.path.relpath(path)}")


if __name__ == "__main__":
    main()
