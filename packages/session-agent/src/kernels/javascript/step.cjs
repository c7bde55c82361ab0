'use strict';
const { createRequire } = require('node:module');
const { Evaluator } = require('./evaluate.cjs');

/** Matches code that may need `modules.cjs`, which is slow to load. */
const MODULE_SYNTAX = /\b(?:import|export)\b/;
const EXIT_CODE_OF_EXCEPTION = 1;
const EXIT_CODE_OF_INTERRUPT = 130;

/** Runs steps, one at a time. */
class StepRunner {
  #channel;
  #streams;
  #workspace;
  #acornPath;
  #evaluator = new Evaluator();
  #count = 0;
  /** Ends the running step from outside its code; `undefined` between steps. */
  #interrupt;

  constructor({ channel, streams, workspace, acornPath }) {
    this.#channel = channel;
    this.#streams = streams;
    this.#workspace = workspace;
    this.#acornPath = acornPath;
    this.#offerGlobals();
    process.on('SIGINT', () => this.#interrupt?.({ exit: EXIT_CODE_OF_INTERRUPT }));
    const uncaught = (error) => this.#uncaught(error);
    process.on('uncaughtException', uncaught).on('unhandledRejection', uncaught);
  }

  async run(frame) {
    this.#count += 1;
    const adopted = Number(frame.adopted);
    setEnvironment(frame.env.slice(0, adopted));
    const restore = setEnvironment(frame.env.slice(adopted));
    this.#streams.input.give(frame.stdin);
    const interrupted = new Promise((resolve) => {
      this.#interrupt = resolve;
    });
    let end;
    try {
      end = await Promise.race([this.#runCode(frame), interrupted]);
    } catch (error) {
      end = { error };
    }
    this.#interrupt = undefined;
    const done = this.#describe(end);
    restore();
    this.#streams.input.give('');
    this.#evaluator.release();
    this.#streams.mark(frame.nonce);
    this.#channel.send(done, end.returnValue);
  }

  async #runCode(frame) {
    const deadlineMs = performance.now() + Number(frame.remaining_ms);
    globalThis.module = { exports: {} };
    globalThis.exports = globalThis.module.exports;
    const mentionsHandler = frame.code.includes('handler');
    const before = mentionsHandler ? await this.#globalHandler() : undefined;
    const { code, exported } = this.#rewrite(frame.code);
    const file = `<step-${this.#count}>`;
    const result = await this.#evaluator.evaluate(`${code}\n//# sourceURL=${file}`);
    if ('error' in result) return { ...result, file };
    await this.#collectExports(exported);
    const value = await result.value;
    if (value !== undefined) this.#show(value);
    const end = mentionsHandler ? await this.#callHandler(frame, before, deadlineMs) : {};
    // Unhandled rejections are reported after the microtasks.
    await new Promise(setImmediate);
    if (frame.session_id === '') await this.#idle();
    return end;
  }

  #rewrite(code) {
    if (!MODULE_SYNTAX.test(code)) return { code, exported: [] };
    return require('./modules.cjs').rewriteModuleSyntax(code, require(this.#acornPath));
  }

  async #collectExports(exported) {
    for (const { name, local } of exported) {
      const { value } = await this.#evaluator.evaluate(local);
      globalThis.module.exports[name] = value;
    }
  }

  async #globalHandler() {
    const { value } = await this.#evaluator.evaluate('typeof handler === "function" ? handler : undefined');
    return value;
  }

  async #callHandler(frame, before, deadlineMs) {
    let handler = globalThis.module?.exports?.handler;
    if (typeof handler !== 'function') {
      const now = await this.#globalHandler();
      // The handler of an earlier step is not called again.
      handler = now === before ? undefined : now;
    }
    if (handler === undefined) return {};
    const { callHandler } = require('./handler.cjs');
    // Through the evaluator, so that a SIGINT ends it too.
    globalThis[Symbol.for('caisson.call')] = () => {
      delete globalThis[Symbol.for('caisson.call')];
      return callHandler(handler, frame, deadlineMs);
    };
    const result = await this.#evaluator.evaluate('await globalThis[Symbol.for("caisson.call")]()');
    return 'error' in result ? { error: result.error } : { returnValue: result.value };
  }

  /** A job ends as a program does: when the event loop is empty. */
  #idle() {
    return new Promise((resolve) => {
      process.once('beforeExit', () => {
        this.#channel.hold(true);
        resolve();
      });
      this.#channel.hold(false);
    });
  }

  #describe(end) {
    this.#channel.hold(true);
    const exitCode = Number(process.exitCode ?? 0) & 0xff;
    process.exitCode = undefined;
    if ('error' in end) {
      const { describeError } = require('./failure.cjs');
      return { type: 'done', exit_code: EXIT_CODE_OF_EXCEPTION, error: describeError(end) };
    }
    return { type: 'done', exit_code: end.exit ?? exitCode };
  }

  #uncaught(error) {
    if (this.#interrupt !== undefined) {
      this.#interrupt({ error });
      return;
    }
    const { describeError } = require('./failure.cjs');
    process.stderr.write(`Uncaught ${describeError({ error }).traceback.join('\n')}\n`);
  }

  #show(value) {
    const { bundleOf } = require('./display.cjs');
    this.#channel.sendResult(bundleOf(value));
  }

  #offerGlobals() {
    const offer = (name, value) => {
      Object.defineProperty(globalThis, name, {
        value,
        configurable: true,
        writable: true,
        enumerable: false,
      });
    };
    offer('require', createRequire(`${this.#workspace}/`));
    offer('module', { exports: {} });
    offer('exports', globalThis.module.exports);
    offer('__dirname', this.#workspace);
    offer('__filename', `${this.#workspace}/step.js`);
    offer('display', (...values) => values.forEach((value) => this.#show(value)));
    offer('__caisson_module__', require('./loader.cjs').makeLoader(this.#workspace));
  }
}

function setEnvironment(pairs) {
  const before = [];
  for (let at = 0; at < pairs.length; at += 2) {
    before.push([pairs[at], process.env[pairs[at]]]);
    process.env[pairs[at]] = pairs[at + 1];
  }
  return () => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  };
}

module.exports = { StepRunner };
