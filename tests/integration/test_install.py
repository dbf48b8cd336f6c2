#!/usr/bin/python3
"""make install puts everything in place, and the samples are good: the policy
compiles, the configuration is read, the unit file is valid."""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import appliance as ap  # noqa: E402


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix="ksk install.")
        cls.dest = os.path.join(cls.dir, "dest dir")
        cls.install()

    @classmethod
    def install(cls):
        env = {k: v for k, v in os.environ.items()
               if not k.startswith("MAKE")}
        subprocess.run(
            ["make", "--no-print-directory", "-C", ap.TOP, "install",
             f"BUILD={os.path.relpath(ap.BUILD, ap.TOP)}",
             f"DESTDIR={cls.dest}"], check=True, env=env,
            stdout=subprocess.DEVNULL)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.dir)

    def at(self, path):
        return os.path.join(self.dest, path)

    def test_everything_is_in_place(self):
        for path in ("usr/libexec/ksk/kskd", "usr/libexec/ksk/kskd-frontend",
                     "usr/libexec/ksk/kskd-signer",
                     "usr/libexec/ksk/kskd-token",
                     "usr/libexec/ksk/kskd-policy", "usr/sbin/kskadm",
                     "usr/libexec/ksk/adapters/desec.sh",
                     "usr/libexec/ksk/adapters/rest.sh",
                     "usr/bin/kskctl", "usr/share/man/man8/kskd.8",
                     "usr/share/man/man8/kskadm.8",
                     "usr/share/man/man1/kskctl.1",
                     "usr/share/man/man5/kskd.yaml.5",
                     "usr/share/man/man5/kskd.policy.5",
                     "usr/share/doc/ksk/README.md",
                     "usr/share/doc/ksk/PROTOCOL.md",
                     "usr/lib/systemd/system/kskd.service",
                     "usr/lib/sysusers.d/ksk.conf", "etc/ksk/kskd.yaml",
                     "etc/ksk/policy.yaml"):
            self.assertTrue(os.path.exists(self.at(path)), path)
        self.assertEqual(os.readlink(self.at("usr/sbin/kskd")),
                         "/usr/libexec/ksk/kskd")

    def test_programs_run(self):
        for path in ("usr/libexec/ksk/kskd", "usr/sbin/kskadm",
                     "usr/bin/kskctl"):
            done = ap.sh(self.at(path), "--help")
            self.assertIn("usage", (done.out + done.err).lower())

    def test_children_are_not_started_by_hand(self):
        for name in ("kskd-frontend", "kskd-signer", "kskd-token"):
            done = ap.sh(self.at(f"usr/libexec/ksk/{name}"), check=False)
            self.assertEqual(done.returncode, 2)
            self.assertIn("started by kskd", done.err)

    def test_the_sample_policy_is_good(self):
        done = ap.sh(self.at("usr/bin/kskctl"), "policy", "check",
                     self.at("etc/ksk/policy.yaml"), check=False)
        self.assertEqual(done.returncode, 0, done.out + done.err)

    def test_the_sample_configuration_is_good(self):
        """Its form: users that are not on this machine are put as numbers."""
        with open(self.at("etc/ksk/kskd.yaml"), encoding="utf-8") as f:
            text = f.read()
        for number, name in enumerate(("frontend", "signer", "policy",
                                       "token"), 64810):
            text = text.replace(f"{name}: ksk-{name}", f"{name}: {number}")
        path = os.path.join(self.dir, "kskd.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, 0o644)
        done = ap.sh(self.at("usr/libexec/ksk/kskd"), "-n", "-c", path,
                     check=False)
        # It gets past the configuration to the first file that is not here.
        self.assertEqual(done.returncode, 7, done.err)
        self.assertNotIn("kskd.yaml:", done.err)

    def test_the_users_can_be_made(self):
        """In a root folder of its own, empty but for the file."""
        root = os.path.join(self.dir, "root")
        conf = "usr/lib/sysusers.d/ksk.conf"
        os.makedirs(os.path.join(root, "etc"))
        os.makedirs(os.path.join(root, os.path.dirname(conf)))
        shutil.copy(self.at(conf), os.path.join(root, conf))
        done = ap.sh("systemd-sysusers", f"--root={root}", check=False)
        with open(os.path.join(root, "etc/passwd"), encoding="utf-8") as f:
            made = {line.split(":")[0] for line in f}
        self.assertEqual(made, {"ksk-frontend", "ksk-signer", "ksk-policy",
                                "ksk-token"}, done.err)

    def test_an_own_configuration_is_kept(self):
        with open(self.at("etc/ksk/kskd.yaml"), "a", encoding="utf-8") as f:
            f.write("# mine\n")
        self.install()
        with open(self.at("etc/ksk/kskd.yaml"), encoding="utf-8") as f:
            self.assertTrue(f.read().endswith("# mine\n"))


if __name__ == "__main__":
    unittest.main()
