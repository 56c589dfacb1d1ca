"""Become a child of ours, then the program: `python -I -S launch.py PARENT SIGNAL UID GID UMASK -- PROGRAM ARG…`.

A small program instead of `preexec_fn`, which is not safe in a process with threads. It drops to UID and GID (−1: stays
who it is), asks the kernel to send SIGNAL when the parent *thread* dies (prctl 1, PR_SET_PDEATHSIG; must come after the
change of user, which clears it), ends if the parent is gone already, and replaces itself by the program: the pid stays.
"""

import ctypes
import os
import sys
import warnings  # noqa: F401 - execvp imports it, too late: the new user may not be able to read our library


def main(argv: list[str]) -> None:
    parent, death_signal, uid, gid, umask = (int(word) for word in argv[:5])
    command = argv[6:]
    os.umask(umask)
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    ctypes.CDLL(None).prctl(1, death_signal)
    if os.getppid() != parent:
        os._exit(125)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        os._exit(127)


if __name__ == "__main__":
    main(sys.argv[1:])
