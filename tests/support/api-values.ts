import { type ExecutionResult, newExecutionId, newSessionId, type Session } from '@caisson/protocol/api';

const AT = '2026-01-31T12:00:00.000Z';

/** An execution as returned by a server, with `changes` applied. */
export function anExecution(changes: Partial<ExecutionResult>): ExecutionResult {
  return {
    execution_id: newExecutionId(),
    session_id: null,
    status: 'succeeded',
    reason: null,
    language: 'python',
    template_id: 'python',
    runtime: 'crun',
    isolation: 'container',
    isolation_scope: 'sandbox',
    metrics: { queue_ms: 0, duration_ms: 12.34, cpu_ms: null, peak_memory_bytes: null },
    created_at: AT,
    started_at: AT,
    finished_at: AT,
    stdout: '',
    stderr: '',
    truncated: false,
    exit_code: 0,
    return_value: null,
    results: [],
    error: null,
    kernel_restarted: false,
    artifacts: [],
    ...changes,
  };
}

/** A session as returned by a server, with `changes` applied. */
export function aSession(changes: Partial<Session>): Session {
  return {
    session_id: newSessionId(),
    status: 'running',
    reason: null,
    template_id: 'python',
    languages: ['python'],
    runtime: 'crun',
    isolation: 'container',
    resources: { cpu: '1', memory: '512Mi', disk: '1Gi', pids: 128 },
    metadata: {},
    idle_timeout: null,
    created_at: AT,
    last_used_at: AT,
    expires_at: AT,
    terminated_at: null,
    ...changes,
  };
}
