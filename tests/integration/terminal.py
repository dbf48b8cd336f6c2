# SPDX-License-Identifier: BSD-2-Clause
"""A person at a terminal, who types what a program asks for."""
import os
import pty
import re
import select
import signal
import termios

PATIENCE = 60  # seconds without a sign of life


def is_hidden(fd):
    """What is typed now is not shown, and not thrown away as typed ahead."""
    return not termios.tcgetattr(fd)[3] & termios.ECHO


def typed(argv, prompt, answers):
    """Runs argv; at each prompt (a pattern of bytes) the next answer is typed.
    -> (exit code, or minus the signal; all that the terminal showed)"""
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(argv[0], [os.path.basename(argv[0]), *argv[1:]])
    out = b""

    def more():
        """b"" at the end."""
        if not select.select([fd], [], [], PATIENCE)[0]:
            os.kill(pid, signal.SIGKILL)
            raise AssertionError(f"{argv} says nothing more: {out}")
        try:
            return os.read(fd, 4096)
        except OSError:  # that is how a terminal ends
            return b""
    for answer in answers:
        while not re.search(prompt + rb"\Z", out):
            found = more()
            if not found:
                raise AssertionError(f"{argv} did not ask: {out}")
            out += found
        assert is_hidden(fd), out
        os.write(fd, answer.encode() + b"\n")
        out += b"\n"
    while found := more():
        out += found
    os.close(fd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), out.decode()
