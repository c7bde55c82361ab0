import { z } from 'zod';
import { executionResult, executionStatusView, mimeBundle } from './executions.ts';

/**
 * The events of an execution in order, as server-sent events: `event` is `type`, `id` counts from 1, `data` has the other
 * fields as JSON. The last event is always `finished`.
 */
export const executionEvent = z
  .discriminatedUnion('type', [
    z.object({ type: z.literal('status'), ...executionStatusView.shape }),
    z.object({ type: z.literal('stdout'), text: z.string() }),
    z.object({ type: z.literal('stderr'), text: z.string() }),
    z.object({ type: z.literal('result'), bundle: mimeBundle }),
    z.object({ type: z.literal('truncated'), stream: z.enum(['stdout', 'stderr']) }),
    z.object({ type: z.literal('kernel_restarted') }),
    z.object({ type: z.literal('finished'), execution: executionResult }),
  ])
  .meta({ id: 'ExecutionEvent' });
export type ExecutionEvent = z.output<typeof executionEvent>;
