import { NOT_RUN } from '@caisson/protocol/ports';
import type { SucceededStep, UnplacedStep } from '@caisson/protocol/ports';

export const SUCCEEDED: SucceededStep = {
  status: 'succeeded',
  reason: null,
  exitCode: 0,
  returnValue: null,
  truncated: false,
  kernelRestarted: false,
  usage: { durationMs: 1, cpuMs: 1, peakMemoryBytes: 1024 },
};

export const LOST: UnplacedStep = {
  ...NOT_RUN,
  status: 'failed',
  reason: 'sandbox_lost',
  error: { name: 'sandbox_lost', message: 'the sandbox is gone', traceback: [] },
};
