#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""`make bench`, second part: how long `kskctl journal verify` takes over an
export of a million records, beside a plain SHA-256 over the same file.

    journal.py [--records N] [--rounds N]
"""
import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

BUILD = os.environ.get("KSK_BUILD", "build")


def run(*argv):
    """Seconds of wall clock."""
    begin = time.monotonic()
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - begin


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ksk bench.") as folder:
        export = os.path.join(folder, "journal.ksk")
        key = os.path.join(folder, "audit.key")
        run(os.path.join(BUILD, "tests", "bench", "bench_journal"),
            str(args.records), export, key)
        size = os.path.getsize(export) / 1e6
        verify, plain = [], []
        for _ in range(args.rounds):
            verify.append(run(os.path.join(BUILD, "kskctl"), "journal",
                              "verify", export, "--audit-key", key))
            plain.append(run("openssl", "dgst", "-sha256", export))
    verify, plain = statistics.median(verify), statistics.median(plain)
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"journal verify: {args.records} records, {size:.0f} MB in "
          f"{verify:.2f} s ({args.records / verify:.0f} a second, "
          f"{verify / plain:.1f} × openssl dgst -sha256), at most "
          f"{most:.0f} MB of memory")


if __name__ == "__main__":
    sys.exit(main())
