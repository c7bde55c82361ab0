import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { CliFailure } from './failure.ts';
import { readSettings } from './settings.ts';

const schema = z.object({
  dataDir: z.string(),
  maxPids: z.int().optional(),
  memoryOvercommit: z.number().default(6),
  workspaceDirectory: z.string().startsWith('/', 'must be an absolute path').default('/var'),
});
const names = Object.keys(schema.shape);

test('each setting is read from its variable, and what is given by hand counts more', () => {
  const environment = {
    CAISSON_DATA_DIR: '/elsewhere',
    CAISSON_MAX_PIDS: '',
    CAISSON_MEMORY_OVERCOMMIT: '1.5',
    CAISSON_OTHER: '1',
  };
  const settings = readSettings(schema, names, environment, { dataDir: '/data' });
  assert.deepEqual(settings, { dataDir: '/data', memoryOvercommit: 1.5, workspaceDirectory: '/var' });
});

test('wrong values are refused by the names of their variables', () => {
  const environment = { CAISSON_MAX_PIDS: 'many', CAISSON_WORKSPACE_DIRECTORY: 'here' };
  assert.throws(
    () => readSettings(schema, names, environment, { dataDir: '/data' }),
    (error) => {
      assert.ok(error instanceof CliFailure);
      const [pids, directory] = error.suggestions;
      assert.match(pids ?? '', /^CAISSON_MAX_PIDS: ./);
      assert.equal(directory, 'CAISSON_WORKSPACE_DIRECTORY: must be an absolute path');
      return true;
    },
  );
});
