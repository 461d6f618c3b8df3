# Takes a terminal from a console socket (SCM_RIGHTS) and prints what it says, until its end: python3 console.py SOCKET
# Words that a container prints have it act: send-interrupt, send-resize.
import array, fcntl, os, socket, struct, sys, termios

server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
server.bind(sys.argv[1])
server.listen(1)
server.settimeout(20)
os.write(1, b'listening\n')
connection, _ = server.accept()
_, ancillary, _, _ = connection.recvmsg(4096, socket.CMSG_LEN(4))
terminal = array.array('i', ancillary[0][2])[0]
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 80, 0, 0))
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
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack('HHHH', 33, 77, 0, 0))
