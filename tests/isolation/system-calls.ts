/** A call and its required answer; without the wall, the kernel would answer something else. */
export interface SystemCall {
  readonly name: string;
  /** Number on x86-64. */
  readonly number: number;
  readonly arguments: readonly number[];
  readonly answers: 'EPERM' | 'ENOSYS' | 'success';
}

const call = (
  name: string,
  number: number,
  args: readonly number[],
  answers: SystemCall['answers'] = 'EPERM',
): SystemCall => ({ name, number, arguments: args, answers });

const NO_FD = -1;
const NEW_NAMESPACES = {
  mnt: 0x20000,
  cgroup: 0x2000000,
  uts: 0x4000000,
  ipc: 0x8000000,
  user: 0x10000000,
  pid: 0x20000000,
  net: 0x40000000,
};

export const SYSTEM_CALLS: readonly SystemCall[] = [
  call('name_to_handle_at, which no rule names', 303, [NO_FD, 0, 0, 0, 0]),
  call('keyctl', 250, [0, -3, 1]),
  call('request_key', 249, [0, 0, 0, 0]),
  call('add_key', 248, [0, 0, 0, 0, -3]),
  call('ptrace', 101, [16, 0x7fffffff, 0, 0]),
  call('process_vm_readv', 310, [1, 0, 0, 0, 0, 0]),
  call('process_vm_writev', 311, [1, 0, 0, 0, 0, 0]),
  call('kcmp', 312, [0x7fffffff, 0x7fffffff, 0, 0, 0]),
  call('pidfd_getfd', 438, [NO_FD, 0, 0]),
  call('process_madvise', 440, [NO_FD, 0, 0, 0, 0]),
  call('unshare', 272, [0]),
  call('setns', 308, [NO_FD, 0]),
  call('mount', 165, [0, 0, 0, 0, 0]),
  call('umount2', 166, [0, 0]),
  call('pivot_root', 155, [0, 0]),
  call('chroot', 161, [0]),
  call('open_tree', 428, [NO_FD, 0, 0]),
  call('move_mount', 429, [NO_FD, 0, NO_FD, 0, 0]),
  call('fsopen', 430, [0, 0]),
  call('fsmount', 432, [NO_FD, 0, 0]),
  call('mount_setattr', 442, [NO_FD, 0, 0, 0, 0]),
  ...Object.entries(NEW_NAMESPACES).map(([name, flag]) =>
    call(`clone of a ${name} namespace`, 56, [flag | 17]),
  ),
  call('clone3', 435, [0, 0], 'ENOSYS'),
  call('io_uring_setup', 425, [0, 0], 'ENOSYS'),
  call('bpf', 321, [0, 0, 0], 'ENOSYS'),
  call('userfaultfd', 323, [1], 'ENOSYS'),
  call('perf_event_open', 298, [0, 0, 0, 0, 0], 'ENOSYS'),
  call('io_setup', 206, [0, 0], 'ENOSYS'),
  call('mq_open', 240, [0, 0, 0, 0], 'ENOSYS'),
  call('personality without random addresses', 135, [0x40000]),
  call('socket of packets', 41, [17, 2, 0]),
  call('socket of AF_ALG', 41, [38, 5, 0]),
  call('socket of AF_VSOCK', 41, [40, 1, 0]),
  call('socket of IPv4 for SCTP', 41, [2, 1, 132]),
  call('socket of IPv4 for MPTCP', 41, [2, 1, 262]),
  call('socket of IPv6 for MPTCP', 41, [10, 1, 262]),
  call('netlink of the audit system', 41, [16, 3, 9]),
  call('socketpair of IPv4', 53, [2, 1, 0, 0]),
  call('sendto with MSG_MORE', 44, [NO_FD, 0, 0, 0x8000, 0, 0]),
  call('sendmsg with MSG_MORE', 46, [NO_FD, 0, 0x8000]),
  call('sendmmsg with MSG_MORE', 307, [NO_FD, 0, 0, 0x8000]),
  call('option SO_ATTACH_FILTER', 54, [NO_FD, 1, 26, 0, 0]),
  call('option TCP_ULP', 54, [NO_FD, 6, 31, 0, 0]),
  call('option UDP_CORK', 54, [NO_FD, 17, 1, 0, 0]),
  // Reports success without changing anything.
  call('option SO_RCVBUF', 54, [NO_FD, 1, 8, 0, 0], 'success'),
];

/** The same in sandboxes and cells: one line per call, `name: answer`. */
export const MAKE_CALLS = `
import ctypes, errno, json
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
for name, number, arguments in json.loads(${JSON.stringify(
  JSON.stringify(SYSTEM_CALLS.map(({ name, number, arguments: args }) => [name, number, args])),
)}):
    ctypes.set_errno(0)
    result = libc.syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments))
    if number == 56 and result == 0:
        libc._exit(0)
    print(name + ': ' + ('success' if result >= 0 else errno.errorcode.get(ctypes.get_errno(), '?')))
`;

/** Makes a 32-bit system call, \`int 0x80\`, in a child process, and prints how the child ended. */
export const MAKE_FOREIGN_CALL = `
import ctypes, mmap, os
code = bytes.fromhex('53b814000000cd805bc3')
memory = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
memory.write(code)
function = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(memory)))
child = os.fork()
if child == 0:
    function()
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
`;

/** Opens as many route netlink sockets as it can, and prints how many. */
export const OPEN_NETLINK = `
import errno, socket
opened = []
try:
    while len(opened) < 100: opened.append(socket.socket(16, socket.SOCK_RAW, 0))
except OSError as error:
    print(len(opened), errno.errorcode[error.errno])
else:
    print(len(opened))
`;
