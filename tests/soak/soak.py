#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""All soaks, one after the other; each is another program, which says what it
did. Ends in one line. Started by `make soak`, which builds what they need.

    soak.py [--faults N] [--kills N] … [--seed S]
"""
import argparse
import os
import subprocess
import sys
import time

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COUNTS = {"faults": 1000, "signatures": 100_000, "restarts": 1000,
          "kills": 10_000, "cuts": 5000, "histories": 20_000,
          "approvals": 10_000, "zones": 100_000, "records": 1_000_000}


def parts(n):
    """(what, environment, program and arguments)"""
    seed = ["--seed", n.seed] if n.seed else []
    seeded = {"KSK_SEED": n.seed} if n.seed else {}
    return [
        (f"{n.approvals} histories of signed documents, judged twice",
         {"KSK_APPROVALS": n.approvals, **seeded},
         ["model/test_approvals.py"]),
        ("documents in a whole appliance", {"KSK_DOCUMENTS": 100},
         ["integration/test_quorum.py"]),
        (f"{n.histories} histories of zones, judged twice",
         {"KSK_HISTORIES": n.histories, **seeded}, ["model/test_model.py"]),
        ("journals put back from copies", {"KSK_COPIES": 100},
         ["integration/test_restored.py"]),
        (f"{n.kills} kills of the signer, {n.cuts} power cuts",
         {"KSK_KILLS": n.kills, "KSK_CUTS": n.cuts, **seeded},
         ["crash/test_crash.py"]),
        (f"a signed policy of {n.zones} zones", {},
         ["soak/policy.py", "--zones", n.zones]),
        (f"a policy of {n.zones} zones, reloaded", {},
         ["soak/zones.py", "--zones", n.zones]),
        (f"an export of {n.records} records, damaged", {},
         ["soak/journal.py", "--records", n.records, *seed]),
        (f"a journal of {n.records} records, pruned", {},
         ["soak/prune.py", "--records", n.records]),
        (f"{n.faults} faults, {n.signatures} signatures, {n.restarts} "
         "restarts", {},
         ["soak/faults.py", "--faults", n.faults, "--signatures",
          n.signatures, "--restarts", n.restarts, *seed]),
    ]


def run(argv, env):
    process = subprocess.Popen(
        [sys.executable, os.path.join(TESTS, argv[0]), *map(str, argv[1:])],
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1",
             **{k: str(v) for k, v in env.items()}})
    try:
        return process.wait()
    except KeyboardInterrupt:
        # The terminal has told it too: it ends what it started.
        process.wait(60)
        raise


def main():
    parser = argparse.ArgumentParser()
    for name, count in COUNTS.items():
        parser.add_argument("--" + name, type=int, default=count)
    parser.add_argument("--seed", default="")
    begin, bad, todo = time.monotonic(), [], parts(parser.parse_args())
    for i, (what, env, argv) in enumerate(todo, 1):
        print(f"==== {i} of {len(todo)}: {what}", flush=True)
        since = time.monotonic()
        status = run(argv, env)
        print(f"---- {'done' if status == 0 else 'FAILED'} after "
              f"{time.monotonic() - since:.0f} s", flush=True)
        if status != 0:
            bad.append(what)
    for what in bad:
        print(f"FAILED: {what}")
    print(f"soak: {len(todo) - len(bad)} parts as they must be, {len(bad)} "
          f"not ({time.monotonic() - begin:.0f} s)")
    return 0 if not bad else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("soak: stopped")
        sys.exit(130)
