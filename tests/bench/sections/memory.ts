import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Client } from '../client.ts';
import { memoryOf } from '../host/memory.ts';
import type { Memory } from '../host/memory.ts';
import { isWithin, listProcesses, sandboxCgroup } from '../host/processes.ts';
import { readEvents } from '../job-events.ts';
import type { Row } from '../row.ts';
import { median, summarize } from '../statistics.ts';
import type { Section } from './section.ts';

const MIB_PER_GIB = 1024;
/** Identifies the host processes of the code that prints it: the name is the same inside and outside. */
const NAMESPACE_CODE = "import os; print(os.readlink('/proc/self/ns/pid'), flush=True)";
const HOLDING_CODE = `${NAMESPACE_CODE}; import time; time.sleep(60)`;
const NAMESPACE = /pid:\[\d+\]/;

/** Memory per waiting session and per running job. */
export const memory: Section = {
  title: 'Memory',
  async run({ client, signal, sizes }) {
    const interpreter = await memoryOfInterpreter(signal);
    const sessions = await memoryOfSessions(client, sizes.memory.sessions);
    const running = await memoryOfJobs(client, sizes.memory.jobs, signal);
    const pss = median(sessions.map(({ pssMib }) => pssMib));
    return {
      rows: [
        ...rowsOf('bare interpreter, waiting', [interpreter], [interpreter]),
        ...rowsOf('idle session', sessions, [interpreter]),
        ...rowsOf('running job', running.memories, [interpreter], `scope: ${running.scope}`),
        {
          measure: 'idle sessions per GiB',
          unit: '',
          summary: summarize([MIB_PER_GIB / pss]),
          note: 'by PSS',
        },
      ],
      figures: { idle_session_mib: pss },
    };
  },
};

function rowsOf(name: string, memories: readonly Memory[], bare: readonly Memory[], note?: string): Row[] {
  return (['pssMib', 'ussMib'] as const).map((key) => {
    const values = memories.map((each) => each[key]);
    const value = median(values) / median(bare.map((each) => each[key]));
    return {
      measure: `${name}, ${key === 'pssMib' ? 'PSS' : 'private (USS)'}`,
      unit: 'MiB',
      note,
      summary: summarize(values),
      ratio: { value, min: value, max: value, to: 'bare' },
    };
  });
}

async function memoryOfInterpreter(signal: AbortSignal): Promise<Memory> {
  const program = ['-c', 'print(1, flush=True); input()'];
  const child = spawn('/usr/bin/python3', program, { stdio: ['pipe', 'pipe', 'ignore'], signal });
  child.on('error', () => undefined);
  child.stdin.on('error', () => undefined);
  const ended = once(child, 'close');
  try {
    await once(createInterface({ input: child.stdout }), 'line', { signal });
    return memoryOf([child.pid ?? 0]);
  } finally {
    child.stdin.end('\n');
    await ended;
  }
}

async function memoryOfSessions(client: Client, count: number): Promise<Memory[]> {
  await using undo = new AsyncDisposableStack();
  const namespaces: string[] = [];
  for (let index = 0; index < count; index++) {
    const { session_id: id } = await client.createSession();
    undo.defer(() => client.deleteSession(id));
    namespaces.push((await client.step(id, NAMESPACE_CODE)).stdout.trim());
  }
  return namespaces.map(memoryOfSandbox);
}

/** Memory of every process in the sandbox's cgroup, including those invisible to the code. */
function memoryOfSandbox(pidNamespace: string): Memory {
  const all = listProcesses();
  const inside = all.find((process) => process.pidNamespace === pidNamespace);
  const cgroup = sandboxCgroup(inside?.cgroup ?? '');
  if (cgroup === undefined) throw new Error('the processes of a sandbox were not found by their cgroup');
  return memoryOf(all.filter((process) => isWithin(process.cgroup, cgroup)).map(({ pid }) => pid));
}

/** Memory of the processes in the job's own pid namespace: for a cell, the shared part of its runner is not counted. */
async function memoryOfJobs(client: Client, count: number, signal: AbortSignal) {
  const jobs = await Promise.all(Array.from({ length: count }, () => startHoldingJob(client)));
  signal.throwIfAborted();
  const all = listProcesses();
  const memories = jobs.map(({ pidNamespace }) =>
    memoryOf(all.filter((process) => process.pidNamespace === pidNamespace).map(({ pid }) => pid)),
  );
  const scopes = await Promise.all(jobs.map((job) => job.end()));
  return { memories, scope: [...new Set(scopes)].join(', ') };
}

/** A job that runs until it is ended; `end` resolves with its isolation scope when it is gone. */
async function startHoldingJob(client: Client) {
  const answer = await client.jobEvents(HOLDING_CODE);
  const events = readEvents(answer);
  let id: string | undefined;
  let pidNamespace: string | undefined;
  while (id === undefined || pidNamespace === undefined) {
    const next = await events.next();
    if (next.done === true || next.value.type === 'finished')
      throw new Error('a job ended before it was measured');
    const event = next.value;
    if (event.type === 'status') id = event.execution_id;
    if (event.type === 'stdout') pidNamespace = NAMESPACE.exec(event.text)?.[0];
  }
  const executionId = id;
  return {
    pidNamespace,
    async end(): Promise<string> {
      await client.cancel(executionId);
      for await (const event of events) {
        if (event.type === 'finished') return event.execution.isolation_scope ?? 'unknown';
      }
      throw new Error('the events of a job ended without its end');
    },
  };
}
