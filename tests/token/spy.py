# SPDX-License-Identifier: BSD-2-Clause
"""Builds spy.c, the module that counts and bends, and starts workers on it."""
import os
import subprocess

import peer

HERE = os.path.dirname(os.path.abspath(__file__))


class Spy:
    def __init__(self, folder):
        self.module = os.path.join(folder, "spy.so")
        self.log = os.path.join(folder, "spy.log")
        flags = subprocess.run(["pkg-config", "--cflags", "p11-kit-1"],
                               stdout=subprocess.PIPE, text=True,
                               check=True).stdout.split()
        subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O1",
                        *flags, "-o", self.module,
                        os.path.join(HERE, "spy.c")], check=True)
        self.clear()

    def clear(self):
        with open(self.log, "w", encoding="ascii"):
            pass

    def count(self, call):
        with open(self.log, encoding="ascii") as f:
            return f.read().split().count(call)

    def worker(self, store, label, bend="", login_rv=None, sign_fail=None,
               **more):
        environment = ["SOFTHSM2_CONF=" + store.conf, "SPY_LOG=" + self.log,
                       "SPY_BEND=" + bend]
        if login_rv is not None:
            environment.append(f"SPY_LOGIN_RV={login_rv:x}")
        if sign_fail is not None:
            environment.append(f"SPY_SIGN_FAIL={sign_fail}")
        paths = [(store.tokens, 5), (self.log, 5)]
        return peer.Worker(store, label, module=self.module,
                           environment=environment, paths=paths, **more)
