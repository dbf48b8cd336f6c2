#!/usr/bin/python3
"""Runs the whole suite and ends in one line, "N passed, N failed".

Unit tests (cmocka, TAP output) and fuzz corpora run once plain and once
sanitized; scripts (unittest) run against the plain build, those marked
`SANITIZED = True` against the sanitized one too. Each test program runs in a
process group of its own and has a time limit. Scripts wait for servers more
than they compute, so two of them share a core. What failed is said again
before the last line, without the tests that passed.
"""
import argparse
import concurrent.futures
import os
import re
import signal
import subprocess
import sys
import time

LIMIT_SECONDS = 400


def descendants(pid):
    """All processes that a process started, and those that they did."""
    children = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="latin-1") as f:
                parent = int(f.read().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
        children.setdefault(parent, []).append(int(name))
    found, todo = [], [pid]
    while todo:
        new = children.get(todo.pop(), [])
        found += new
        todo += new
    return found


def run(argv, env, limit=LIMIT_SECONDS):
    """-> (exit status or None on timeout, output)"""
    process = subprocess.Popen(
        argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, start_new_session=True)
    try:
        out, _ = process.communicate(timeout=limit)
        status = process.returncode
    except subprocess.TimeoutExpired:
        # Servers of a test have sessions of their own.
        for pid in [process.pid] + descendants(process.pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        out, _ = process.communicate()
        status = None
    return status, out.decode("utf-8", "replace")


def count_tap(out):
    passed = len(re.findall(r"^\s*ok \d+", out, re.M))
    failed = len(re.findall(r"^\s*not ok \d+", out, re.M))
    return passed, failed


def count_unittest(out):
    passed = len(re.findall(r"\.\.\. ok$", out, re.M))
    failed = len(re.findall(r"\.\.\. (?:FAIL|ERROR)$", out, re.M))
    failed += len(re.findall(r"^\S+ \(\S+\) \.\.\. .*unexpected success", out,
                             re.M))
    return passed, failed


class Job:
    def __init__(self, name, argv, count, build, limit=LIMIT_SECONDS):
        self.name, self.argv, self.count = name, argv, count
        self.build, self.limit = build, limit

    def __call__(self):
        env = {k: v for k, v in os.environ.items()
               if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
        env.update(CMOCKA_MESSAGE_OUTPUT="TAP", KSK_BUILD=self.build,
                   PYTHONDONTWRITEBYTECODE="1",
                   UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1",
                   ASAN_OPTIONS="abort_on_error=0:detect_leaks=1")
        begin = time.monotonic()
        status, out = run(self.argv, env, self.limit)
        passed, failed = self.count(out)
        if status is None:
            failed += 1
            out += f"\n(stopped after {self.limit} s)\n"
        elif status != 0 and failed == 0:
            failed += 1
        elif passed + failed == 0:
            failed = 1
            out += "\n(ran no test)\n"
        return passed, failed, out, time.monotonic() - begin


def without_passed(out):
    """What a reader of a failure needs, indented."""
    kept = [line for line in out.splitlines()
            if not re.search(r"\.\.\. ok$|^\s*ok \d+", line)]
    return "\n".join("      " + line for line in kept)


def count_replay(out):
    match = re.search(r"^(\d+) inputs replayed", out, re.M)
    return (1, 0) if match and int(match.group(1)) > 0 else (0, 1)


def is_sanitized(script):
    with open(script, encoding="utf-8") as f:
        return re.search(r"^SANITIZED = True", f.read(), re.M) is not None


def collect(build, sanitized):
    jobs = []
    for where, mark in ((build, ""), (sanitized, " (sanitized)")):
        if not where:
            continue
        unit = os.path.join(where, "tests", "unit")
        for name in sorted(os.listdir(unit)) if os.path.isdir(unit) else []:
            path = os.path.join(unit, name)
            if os.access(path, os.X_OK) and "." not in name:
                jobs.append(Job(name + mark, [path], count_tap, where))
        fuzz = os.path.join(where, "tests", "fuzz")
        for name in sorted(os.listdir(fuzz)) if os.path.isdir(fuzz) else []:
            corpus = os.path.join("tests", "fuzz", "corpus",
                                  name.removeprefix("fuzz_"))
            jobs.append(Job(name + mark, [os.path.join(fuzz, name), corpus],
                            count_replay, where))
        for folder in ("arch", "crash", "integration", "model",
                       "providers", "token"):
            top = os.path.join("tests", folder)
            for name in sorted(os.listdir(top)) if os.path.isdir(top) else []:
                script = os.path.join(top, name)
                if not (name.startswith("test_") and name.endswith(".py")):
                    continue
                if mark and not is_sanitized(script):
                    continue
                jobs.append(Job(f"{folder}/{name}{mark}",
                                ["/usr/bin/python3", script, "-v"],
                                count_unittest, where))
    # The long ones first, so that the last do not run alone.
    jobs.sort(key=lambda job: job.count is not count_unittest)
    return jobs


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="")
    parser.add_argument("--sanitized", default="")
    parser.add_argument("--only", default="", help="part of a test's name")
    parser.add_argument("--jobs", type=int, default=2 * os.cpu_count())
    args = parser.parse_args()
    jobs = [j for j in collect(args.build, args.sanitized)
            if args.only in j.name]
    total_passed = total_failed = 0
    failures = []
    begin = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        futures = {pool.submit(job): job for job in jobs}
        for future in concurrent.futures.as_completed(futures):
            job = futures[future]
            passed, failed, out, seconds = future.result()
            total_passed += passed
            total_failed += failed
            word = "ok  " if failed == 0 else "FAIL"
            print(f"{word}  {job.name}: {passed} passed, {failed} failed "
                  f"({seconds:.1f} s)", flush=True)
            if failed:
                failures.append(f"FAIL  {job.name}\n{without_passed(out)}")
                print(without_passed(out), flush=True)
    print(f"{time.monotonic() - begin:.0f} s")
    for text in failures:
        print(text)
    print(f"{total_passed} passed, {total_failed} failed")
    return 1 if total_failed or not total_passed else 0


if __name__ == "__main__":
    sys.exit(main())
