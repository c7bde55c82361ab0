'use strict';
// Runs the steps of a session: `node kernel.cjs <path of acorn>`. Reads frames from descriptor 3 and writes to 4.

// For the kernel only, not for what the code starts.
delete process.env.NODE_COMPILE_CACHE;
delete process.env.NODE_COMPILE_CACHE_PORTABLE;

const { Channel } = require('./channel.cjs');
const { installStreams } = require('./streams.cjs');
const { StepRunner } = require('./step.cjs');

// Node marks inherited descriptors close-on-exec at its start, and cannot move them.
const channel = new Channel(3, 4);
const runner = new StepRunner({
  channel,
  streams: installStreams(),
  workspace: process.cwd(),
  acornPath: process.argv[2],
});
process.argv.length = 1;
channel.onFrame((frame) => runner.run(frame));
channel.send({ type: 'ready' });
