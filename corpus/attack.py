# What attacks in Python are written with: the same lines as attack.h.
import ctypes, errno, os, signal, socket, sys

libc = ctypes.CDLL(None, use_errno=True)


def stopped(name, how):
    print("stopped", name, how, flush=True)


def done(name):
    print("done", name, flush=True)


def attempt(name, call, *arguments):
    """`call` must raise."""
    try:
        result = call(*arguments)
    except OSError as error:
        return stopped(name, errno.errorcode.get(error.errno, "UNKNOWN"))
    except Exception as error:
        return stopped(name, type(error).__name__)
    done(name)
    return result


def raw(number, *arguments):
    """A system call; raises OSError."""
    words = [ctypes.c_long(word) if isinstance(word, int) else word for word in arguments]
    result = libc.syscall(ctypes.c_long(number), *words)
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
    return result


def in_child(name, action):
    """What may take the process along; it must not come to its end."""
    child = os.fork()
    if child == 0:
        try:
            action()
        except BaseException:
            os._exit(1)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if status == 0:
        done(name)
    elif os.WIFSIGNALED(status):
        stopped(name, signal.Signals(os.WTERMSIG(status)).name)
    else:
        stopped(name, f"exit-{os.WEXITSTATUS(status)}")
