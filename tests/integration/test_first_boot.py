#!/usr/bin/python3
"""From nothing to a first signature with operators: exactly the commands of the
README, typed by a shell, with the programs of this build. Only where it is done
differs: the first two lines.
"""
import os
import re
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import appliance as ap  # noqa: E402

ZONE = "example.com."


def commands():
    """The block of the section, without its first two lines."""
    with open(os.path.join(ap.TOP, "README.md"), encoding="utf-8") as f:
        section = re.search(r"^### With operators\n(.*?)^### ", f.read(),
                            re.M | re.S).group(1)
    lines = [x[4:] for x in section.splitlines()
             if x.startswith("    ") or x == ""]
    start = next(i for i, x in enumerate(lines) if x.startswith("cd "))
    if lines[start:start + 2] != ["cd /etc/ksk",
                                  "APPLIANCE=localhost:8853"]:
        raise AssertionError("the section begins in another place")
    return "\n".join(lines[start + 2:])


class FirstBoot(unittest.TestCase):
    def setUp(self):
        self.a = ap.Appliance()
        self.addCleanup(self.a.__exit__)
        self.addCleanup(self.end)
        self.etc = self.a.path("etc")
        self.bin = self.a.path("bin")
        os.mkdir(self.bin)
        self.a.softhsm_conf()
        self.a.config()
        zsk = ap.Zsk(self.a.path("alpha"), ZONE)
        with open(os.path.join(self.etc, "zsks.zone"), "w",
                  encoding="ascii") as f:
            f.write(zsk.line + "\n")
        yaml = os.path.join(self.etc, "kskd.yaml")
        self.program("kskadm", f'exec "{self.a.tool("kskadm")}" -c '
                     f'"{yaml}" "$@"')
        self.program("kskctl", f'exec "{self.a.tool("kskctl")}" "$@"')
        # What the unit file says: it is up when it says READY.
        self.program("systemctl", f"""
"{self.a.tool("kskd")}" -c "{yaml}" > "{self.a.log}" 2>&1 < /dev/null &
echo $! > "{self.a.path("kskd.pid")}"
for i in $(seq 600); do
    grep -q 'info started' "{self.a.log}" && exit 0
    sleep 0.1
done
exit 1
""")

    def program(self, name, text):
        path = os.path.join(self.bin, name)
        with open(path, "w", encoding="ascii") as f:
            f.write("#!/bin/sh\n" + text + "\n")
        os.chmod(path, 0o755)

    def end(self):
        try:
            with open(self.a.path("kskd.pid"), encoding="ascii") as f:
                pid = int(f.read())
            os.kill(pid, signal.SIGTERM)
            ap.wait_for(lambda: not os.path.exists(f"/proc/{pid}"))
        except (FileNotFoundError, ProcessLookupError):
            pass

    def test_the_readme(self):
        environment = dict(
            os.environ, PATH=self.bin + ":" + os.environ["PATH"],
            HOME=self.a.path("etc"))
        done = subprocess.run(
            ["sh", "-eux", "-c", f"APPLIANCE=127.0.0.1:{self.a.port}\n"
             + commands()], cwd=self.etc, env=environment,
            stdin=subprocess.DEVNULL, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr
                         + self.a.log_text())
        self.assertIn("mode quorum", done.stdout)
        self.assertRegex(done.stdout, r"(?m)^policy [0-9a-f]{64} record \d+$")
        with open(os.path.join(self.etc, "signed.zone"),
                  encoding="ascii") as f:
            signed = f.read()
        self.assertIn("RRSIG", signed)
        # Somebody else's word for it.
        with open(os.path.join(self.etc, "whole.zone"), "w",
                  encoding="ascii") as f:
            f.write(signed)
        ap.sh("ldns-read-zone", os.path.join(self.etc, "whole.zone"))


if __name__ == "__main__":
    unittest.main()
