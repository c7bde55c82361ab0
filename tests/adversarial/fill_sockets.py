"""Takes as much memory of one kind (`KIND`) as 8 processes can get, prints `ready` and holds it."""

import ctypes
import fcntl
import os
import signal
import socket
import struct

PROCESSES = 8
LARGE = 1 << 30
MSG_MORE = 0x8000
IP_RECVERR = 11
SO_TIMESTAMPING = 37
SO_ATTACH_FILTER = 26
UDP_CORK = 1
F_SETPIPE_SZ = 1031
IPC_NOWAIT = 0o4000
HERE = '127.0.0.1'
ENOUGH_KIB = 1 << 20
held = []


def available_kib():
    with open('/proc/meminfo') as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith('MemAvailable'))


def hold(*things):
    # Where nothing stops it, the host is still to live.
    if len(held) % 16 == 0 and available_kib() < AT_FIRST_KIB - ENOUGH_KIB:
        raise OSError('enough')
    held.extend(things)
    return things[0]


def large(one):
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        try:
            one.setsockopt(socket.SOL_SOCKET, option, LARGE)
        except OSError:
            pass
    return one


def fill(one, size):
    one.setblocking(False)
    try:
        while True:
            one.send(bytes(size))
    except OSError:
        pass


def tcp(accept):
    server = large(socket.socket())
    server.bind((HERE, 0))
    server.listen(4096)
    while True:
        client = hold(large(socket.socket()))
        client.connect(server.getsockname())
        if accept:
            hold(server.accept()[0])
        fill(client, 1_000_000)


def udp():
    return hold(large(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)))


def udp_received():
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    while True:
        one = udp()
        one.bind((HERE, 0))
        for _ in range(20):
            try:
                sender.sendto(bytes(60000), one.getsockname())
            except OSError:
                break


def udp_corked():
    while True:
        one = udp()
        one.connect((HERE, 9))
        try:
            one.send(bytes(60000), MSG_MORE)
        except PermissionError:
            one.setsockopt(socket.IPPROTO_UDP, UDP_CORK, 1)
            one.send(bytes(60000))


def udp_errors():
    while True:
        one = udp()
        one.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
        one.connect((HERE, 9))
        try:
            one.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, struct.pack('i', 2 | 16))
        except PermissionError:
            pass
        for _ in range(100):
            try:
                one.send(bytes(20000))
            except OSError:
                pass


def unix(kind):
    while True:
        fill(large(hold(*socket.socketpair(socket.AF_UNIX, kind))), 60000)


def netlink():
    # Each is answered by an error that holds all of it.
    wrong = struct.pack('IHHII', 200_000, 9999, 5, 1, 0) + bytes(200_000 - 16)
    while True:
        one = hold(large(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)))
        one.setblocking(False)
        try:
            for _ in range(60):
                one.send(wrong)
        except OSError:
            pass


def pipes():
    while True:
        reader, writer = os.pipe()
        hold(reader, writer)
        os.set_blocking(writer, False)
        try:
            fcntl.fcntl(writer, F_SETPIPE_SZ, 1 << 20)
        except OSError:
            pass
        try:
            while True:
                os.write(writer, bytes(65536))
        except BlockingIOError:
            pass


def system_v():
    libc = ctypes.CDLL(None, use_errno=True)
    message = struct.pack('l', 1) + bytes(8000)
    while True:
        queue = libc.msgget(0, 0o600)
        if queue < 0:
            raise OSError('no queue is left')
        while libc.msgsnd(queue, message, 8000, IPC_NOWAIT) == 0:
            pass


def filters():
    program = ctypes.create_string_buffer(struct.pack('HBBI', 6, 0, 0, 0xFFFF) * 4096)
    while True:
        one = hold(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        one.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack('HP', 4096, ctypes.addressof(program)))


KINDS = {
    'TCP, accepted': lambda: tcp(True),
    'TCP, not accepted': lambda: tcp(False),
    'UDP, received': udp_received,
    'UDP, held back': udp_corked,
    'UDP, errors': udp_errors,
    'Unix streams': lambda: unix(socket.SOCK_STREAM),
    'Unix datagrams': lambda: unix(socket.SOCK_DGRAM),
    'netlink': netlink,
    'pipes': pipes,
    'queues of System V': system_v,
    'filters': filters,
}


AT_FIRST_KIB = available_kib()


def take_all(kind):
    """Prints why each process could take no more; a killed process prints nothing."""
    reader, writer = os.pipe()
    for _ in range(PROCESSES):
        if os.fork() == 0:
            os.close(reader)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            try:
                KINDS[kind]()
            except (OSError, MemoryError) as error:
                os.write(writer, f'{error}\n'.encode())
            while True:
                signal.pause()
    os.close(writer)
    said = b''
    while said.count(b'\n') < PROCESSES:
        more = os.read(reader, 4096)
        if not more:
            break
        said += more
    print({line for line in said.decode().splitlines()}, flush=True)
    os.write(1, b'ready\n')
    while True:
        signal.pause()


take_all(KIND)
