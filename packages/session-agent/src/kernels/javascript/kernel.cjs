'use strict';
// Runs the steps of a session. `node kernel.cjs <path of acorn>`, which reads from the engine on descriptor 3 and writes to it on 4.

// Of the kernel alone: what the code starts is no part of it.
delete process.env.NODE_COMPILE_CACHE;
delete process.env.NODE_COMPILE_CACHE_PORTABLE;

const { Channel } = require('./channel.cjs');
const { installStreams } = require('./streams.cjs');
const { StepRunner } = require('./step.cjs');

// Node makes what it inherits close-on-exec at its start, and cannot move a descriptor.
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
