'use strict';
const { Session } = require('node:inspector');
const { promiseHooks } = require('node:v8');
const vm = require('node:vm');

/** Evaluates code as browser consoles do: with `await` at top level, and names can be declared again. */
class Evaluator {
  #session = new Session();
  #kept = new Set();
  #receiver;
  #received;
  #start = new vm.Script('this[Symbol.for("caisson.start")]()');

  constructor() {
    this.#session.connect();
    const key = Symbol.for('caisson.receive');
    globalThis[key] = (value) => {
      this.#received = value;
    };
    this.#session.post(
      'Runtime.evaluate',
      { expression: 'globalThis[Symbol.for("caisson.receive")]' },
      (error, reply) => {
        if (error) throw error;
        this.#receiver = reply.result.objectId;
      },
    );
    delete globalThis[key];
  }

  /**
   * Resolves with `{value}`, or with `{error, position}` if the code threw. A SIGINT ends code that blocks the event loop,
   * and rejects.
   */
  evaluate(expression) {
    return new Promise((resolve, reject) => {
      const take = (error, reply) => {
        if (error) reject(error);
        else if (reply.exceptionDetails === undefined) resolve({ value: this.#valueOf(reply.result) });
        else {
          const { exception, lineNumber, columnNumber } = reply.exceptionDetails;
          resolve({
            error: this.#valueOf(exception),
            position: { line: lineNumber + 1, column: columnNumber + 1 },
          });
        }
      };
      this.#interruptibly(() => {
        const request = { expression, replMode: true, awaitPromise: true, objectGroup: 'step', silent: true };
        this.#keepPromise(() => this.#session.post('Runtime.evaluate', request, take));
      }, reject);
    });
  }

  /**
   * Keeps the promise of the evaluation, the first that it makes, until it is settled. If the garbage collector finds that
   * the promise can never settle, the inspector answers in the middle of the collection, and Node crashes.
   */
  #keepPromise(action) {
    const kept = this.#kept;
    const stop = promiseHooks.onInit((promise) => {
      stop();
      kept.add(promise);
      const forget = () => kept.delete(promise);
      promise.then(forget, forget);
    });
    try {
      action();
    } finally {
      stop();
    }
  }

  /** No longer keeps the values alive. */
  release() {
    this.#session.post('Runtime.releaseObjectGroup', { objectGroup: 'step' });
  }

  #interruptibly(action, onInterrupt) {
    const key = Symbol.for('caisson.start');
    globalThis[key] = () => {
      delete globalThis[key];
      action();
    };
    try {
      this.#start.runInThisContext({ breakOnSigint: true });
    } catch (error) {
      onInterrupt(error);
    }
  }

  /** Resolves the inspector's reference to a value. */
  #valueOf({ type, value, unserializableValue, objectId }) {
    if (objectId === undefined && unserializableValue === undefined)
      return type === 'undefined' ? undefined : value;
    const argument = objectId === undefined ? { unserializableValue } : { objectId };
    this.#session.post('Runtime.callFunctionOn', {
      objectId: this.#receiver,
      functionDeclaration: 'function (value) { this(value); }',
      arguments: [argument],
      silent: true,
    });
    const received = this.#received;
    this.#received = undefined;
    return received;
  }
}

module.exports = { Evaluator };
