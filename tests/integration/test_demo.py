#!/usr/bin/python3
"""`make demo` without its packages step, started from a path with a space."""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import appliance as ap  # noqa: E402


class Demo(unittest.TestCase):
    def test_demo_signs_is_verified_and_refuses(self):
        place = tempfile.mkdtemp(prefix="ksk demo place.")
        self.addCleanup(shutil.rmtree, place)
        os.chmod(place, 0o711)
        build = os.path.join(place, "a build")
        os.mkdir(build, 0o755)
        for name in os.listdir(ap.BUILD):
            if name.startswith("ksk"):
                shutil.copy(os.path.join(ap.BUILD, name), build)
        tmp = os.path.join(place, "tmp dir")
        os.mkdir(tmp, 0o711)
        done = subprocess.run(
            [os.path.join(ap.TOP, "tests", "demo.sh"), build],
            env={**os.environ, "TMPDIR": tmp}, cwd=place,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("RRSIG", done.stdout)
        self.assertIn("Zone fully signed", done.stdout)
        self.assertIn("key-allowed", done.stdout)
        self.assertEqual(os.listdir(tmp), [])


if __name__ == "__main__":
    unittest.main()
