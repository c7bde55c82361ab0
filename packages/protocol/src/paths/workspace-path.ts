import { z } from 'zod';
import { bytesOfName, isCanonicalName } from './file-names.ts';
import type { Branded } from '../ids.ts';

/**
 * A path below `/workspace`: relative, without `.`, `..` or empty components; `''` is `/workspace` itself. Names that are not
 * UTF-8 are encoded by `nameOfBytes`; `bytesOfName` decodes them for the kernel.
 */
export type WorkspacePath = Branded<string, 'workspacePath'>;

export const WORKSPACE_DIRECTORY = '/workspace';
/** PATH_MAX and NAME_MAX of Linux, less what stands before the path. */
const MAX_PATH_BYTES = 4000;
const MAX_COMPONENT_BYTES = 255;

/** The path below `/workspace` that `text` stands for, or why it is invalid. */
export function parseWorkspacePath(text: string): { path: WorkspacePath } | { problem: string } {
  if (text.includes('\0')) return { problem: 'must not contain a null byte' };
  if (!text.isWellFormed()) return { problem: 'must be valid Unicode' };
  if (!isCanonicalName(text)) {
    return {
      problem: 'must not encode valid UTF-8 as single bytes (U+EF80 to U+EFFF)',
    };
  }
  const below = withoutRoot(text);
  if (below === undefined) return { problem: `must be relative, or begin with ${WORKSPACE_DIRECTORY}/` };
  const components = below.split('/').filter((component) => component !== '' && component !== '.');
  if (components.includes('..')) return { problem: 'must not contain ".."' };
  if (components.some((component) => bytesOfName(component).length > MAX_COMPONENT_BYTES)) {
    return { problem: `must not have a name longer than ${MAX_COMPONENT_BYTES} bytes` };
  }
  const path = components.join('/');
  if (bytesOfName(path).length > MAX_PATH_BYTES)
    return { problem: `must be at most ${MAX_PATH_BYTES} bytes` };
  return { path: path as WorkspacePath };
}

function withoutRoot(text: string): string | undefined {
  if (!text.startsWith('/')) return text;
  if (text === WORKSPACE_DIRECTORY) return '';
  return text.startsWith(`${WORKSPACE_DIRECTORY}/`) ? text.slice(WORKSPACE_DIRECTORY.length + 1) : undefined;
}

export const workspacePath = z
  .string()
  .transform((text, context) => {
    const parsed = parseWorkspacePath(text);
    if ('path' in parsed) return parsed.path;
    context.issues.push({ code: 'custom', input: text, message: parsed.problem });
    return z.NEVER;
  })
  .meta({
    description:
      'Path in the workspace: relative to /workspace, or beginning with /workspace/. Bytes of a name that are not valid ' +
      'UTF-8 are encoded as U+EF80 to U+EFFF, as in the `path` of a listed entry',
  });
