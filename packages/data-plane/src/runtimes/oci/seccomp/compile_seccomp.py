"""Compiles a seccomp list (JSON of the OCI runtime specification, on standard input) to a program for the kernel (standard output).

By libseccomp, as the OCI runtimes themselves do it, so that a name means the same call on every architecture.
"""

import ctypes
import json
import os
import sys

ACTIONS = {'SCMP_ACT_ALLOW': 0x7FFF0000, 'SCMP_ACT_ERRNO': 0x00050000, 'SCMP_ACT_NOTIFY': 0x7FC00000}
KILL_PROCESS = 0x80000000
OPERATORS = {
    'SCMP_CMP_NE': 1,
    'SCMP_CMP_LT': 2,
    'SCMP_CMP_LE': 3,
    'SCMP_CMP_EQ': 4,
    'SCMP_CMP_GE': 5,
    'SCMP_CMP_GT': 6,
    'SCMP_CMP_MASKED_EQ': 7,
}
ATTRIBUTE_BAD_ARCHITECTURE = 2
ATTRIBUTE_OPTIMIZE = 8
BINARY_TREE = 2
UNKNOWN_CALL = -1


class Comparison(ctypes.Structure):
    _fields_ = [
        ('argument', ctypes.c_uint),
        ('operator', ctypes.c_int),
        ('first', ctypes.c_uint64),
        ('second', ctypes.c_uint64),
    ]


library = ctypes.CDLL('libseccomp.so.2')
library.seccomp_init.restype = ctypes.c_void_p
library.seccomp_init.argtypes = (ctypes.c_uint32,)
library.seccomp_attr_set.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_uint32)
library.seccomp_syscall_resolve_name.argtypes = (ctypes.c_char_p,)
library.seccomp_rule_add_array.argtypes = (
    ctypes.c_void_p,
    ctypes.c_uint32,
    ctypes.c_int,
    ctypes.c_uint,
    ctypes.POINTER(Comparison),
)
library.seccomp_export_bpf.argtypes = (ctypes.c_void_p, ctypes.c_int)


def check(result):
    if result < 0:
        raise OSError(-result, os.strerror(-result))


def action_of(name, number):
    return ACTIONS[name] | (number if name == 'SCMP_ACT_ERRNO' else 0)


def add(context, rule, default):
    action = action_of(rule['action'], rule.get('errnoRet', 0))
    # libseccomp refuses a rule that says what happens anyway.
    if action == default:
        return
    comparisons = [
        Comparison(each['index'], OPERATORS[each['op']], each['value'], each.get('valueTwo', 0))
        for each in rule.get('args', ())
    ]
    for name in rule['names']:
        number = library.seccomp_syscall_resolve_name(name.encode())
        # A call of another architecture.
        if number != UNKNOWN_CALL:
            check(
                library.seccomp_rule_add_array(
                    context, action, number, len(comparisons), (Comparison * len(comparisons))(*comparisons)
                )
            )


def main():
    config = json.load(sys.stdin)
    default = action_of(config['defaultAction'], config['defaultErrnoRet'])
    context = library.seccomp_init(default)
    check(library.seccomp_attr_set(context, ATTRIBUTE_BAD_ARCHITECTURE, KILL_PROCESS))
    check(library.seccomp_attr_set(context, ATTRIBUTE_OPTIMIZE, BINARY_TREE))
    for rule in config['syscalls']:
        add(context, rule, default)
    check(library.seccomp_export_bpf(context, sys.stdout.fileno()))


main()
