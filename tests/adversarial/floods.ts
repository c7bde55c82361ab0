/** Python code that finds the descriptor of the kernel's control channel. */
const FIND_CHANNEL = `
import fcntl, os, stat, sys

def is_channel(fd):
    try:
        status = os.fstat(fd)
        writes = fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_WRONLY
    except OSError:
        return False
    shown = (os.fstat(1).st_ino, os.fstat(2).st_ino)
    return stat.S_ISFIFO(status.st_mode) and writes and status.st_ino not in shown

channel = next(fd for fd in map(int, os.listdir('/proc/self/fd')) if is_channel(fd))

def say(data):
    while data:
        data = data[os.write(channel, data):]
`;

const FOREVER = (line: string) => `${FIND_CHANNEL}
data = memoryview(${line})
while True:
    say(data)
`;

/** Code that keeps the server busy, each in a different way, until it is ended. */
export const FLOODS: Readonly<Record<string, string>> = {
  'a frame that a careless reader cannot hold': `${FIND_CHANNEL}
say(b'{"type":"done","exit_code":1,"error":{"name":"x","message":"m","traceback":[{"toString":1}]}}\\n')
while True: pass
`,
  'results without end': FOREVER(`b'+{}\\n' * 200_000`),
  'values nested without end': FOREVER(`b'+' + b'[' * 4_000_000 + b'\\n'`),
  'arrays without end': FOREVER(`b'+[' + b'[],' * 1_250_000 + b'[]]\\n'`),
  'a line without end': FOREVER(`b' ' * 1_000_000`),
  'a byte at a time': `${FIND_CHANNEL}
os.write(channel, b'+"')
while True:
    os.write(channel, b'x')
    os.write(1, b'x')
`,
  'output without end': `
import os
data = bytes(1_000_000)
while True:
    os.write(1, data)
    os.write(2, data)
`,
  'an honest value of two million arrays': 'def handler(event):\n    return [[]] * 2_000_000',
  'a speaking thread behind a step that has ended': `${FIND_CHANNEL}
import threading
data = b'+{"text/plain": 1}\\n' * 50_000
threading.Thread(target=lambda: [say(data) for _ in iter(int, 1)], daemon=True).start()
`,
};
