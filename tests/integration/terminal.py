# SPDX-License-Identifier: BSD-2-Clause
"""A person at a terminal, who types what a program asks for."""
import os
import pty
import re
import time


def typed(argv, prompt, answers):
    """Runs argv; at each prompt (a pattern of bytes) the next answer is typed.
    -> (exit code, or minus the signal; all that the terminal showed)"""
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(argv[0], [os.path.basename(argv[0]), *argv[1:]])
    out = b""
    for answer in answers:
        while not re.search(prompt + rb"$", out):
            out += os.read(fd, 4096)
        time.sleep(0.1)  # until the echo is off and input is flushed
        os.write(fd, answer.encode() + b"\n")
        out += b"\n"
    try:
        while more := os.read(fd, 4096):
            out += more
    except OSError:  # that is how a terminal ends
        pass
    os.close(fd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), out.decode()
