# Prints what comes from a terminal, until its end. The terminal, of 24 rows and 80 columns, is
#   taken from a console socket (SCM_RIGHTS): python3 console.py SOCKET
#   made for a program, whose status becomes this one's: python3 console.py -- WORDS...
# Words that are printed have it act: send-interrupt, send-resize.
import array, fcntl, os, pty, socket, struct, sys, termios


def resize(terminal, rows, columns):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))


def take():
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(sys.argv[1])
    server.listen(1)
    server.settimeout(20)
    os.write(1, b'listening\n')
    connection, _ = server.accept()
    _, ancillary, _, _ = connection.recvmsg(4096, socket.CMSG_LEN(4))
    terminal = array.array('i', ancillary[0][2])[0]
    resize(terminal, 24, 80)
    return terminal


child = None
if sys.argv[1] == '--':
    child, terminal = pty.fork()
    if child == 0:
        resize(0, 24, 80)
        os.execvp(sys.argv[2], sys.argv[2:])
else:
    terminal = take()
seen = b''
while True:
    try:
        data = os.read(terminal, 4096)
    except OSError:
        break
    if not data:
        break
    os.write(1, data)
    seen += data
    if b'send-interrupt' in seen:
        seen = b''
        os.write(terminal, b'\x03')
    if b'send-resize' in seen:
        seen = b''
        resize(terminal, 33, 77)
if child is not None:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
