import { closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';
import { NamespaceHelper } from './namespace-helper.ts';
import { O_PATH } from '../container/o-path.ts';

/** Mounts made in the namespace before anything else runs there. */
export interface Preparation {
  /** Mount points to leave out. */
  readonly unmount: readonly string[];
  /** Bind mounts, read-only; the target exists. */
  readonly bind: readonly { readonly source: string; readonly target: string }[];
  /**
   * Directories of a cgroup, by controller, the same on v2: when this server has died, all processes in it are killed within a
   * second.
   */
  readonly cgroup?: { readonly pids: string; readonly freezer: string };
}

/** A descriptor of this process that a program gets, opened anew with these `flags` of open(2). */
export interface InheritedFd {
  readonly fd: number;
  readonly flags: number;
}

/** The first name says what is asked for. */
type Question =
  | { readonly mount: string; readonly options: readonly string[] }
  | { readonly unmount: string }
  | { readonly fifos: readonly string[] }
  | { readonly watch: number }
  | {
      readonly user_namespace: string;
      readonly owner: number;
      readonly ids: readonly [number, number];
      readonly limits: object;
    };

/** A program of the host that runs in the namespace. */
export interface Program {
  /** Its exit code, or the number of the signal that ended it, negative. Rejects if the namespace ends first. */
  readonly exited: Promise<number>;
  /** Kills it alone, if it still runs. */
  readonly kill: () => void;
}

/**
 * A private copy of the host's mounts, in which the OCI runtime runs and workspaces are mounted. It is held by a small
 * process (`mount_namespace.py`) whose standard input is a pipe from here: when this server ends, be it by SIGKILL, that
 * process kills what is left of the sandboxes and ends too, and the kernel removes every mount that was made here.
 */
export class MountNamespace implements AsyncDisposable {
  /** A file system in memory that is seen in the namespace alone, and that is gone with it. */
  readonly directory: string;
  readonly #helper: NamespaceHelper;
  readonly #rootFd: number;

  private constructor(directory: string, helper: NamespaceHelper, rootFd: number) {
    this.directory = directory;
    this.#helper = helper;
    this.#rootFd = rootFd;
  }

  /** @param directory an empty one */
  static async create(directory: string, preparation: Preparation): Promise<MountNamespace> {
    const { unmount, cgroup = null } = preparation;
    const bind = preparation.bind.map(({ source, target }) => [source, target]);
    await using cleanup = new AsyncDisposableStack();
    const helper = cleanup.use(await NamespaceHelper.start({ directory, unmount, bind, cgroup }));
    const root = openSync(`/proc/${helper.pid}/root`, O_PATH | constants.O_DIRECTORY);
    cleanup.move();
    return new MountNamespace(directory, helper, root);
  }

  /** Resolves when it has ended, for whatever reason. */
  get ended(): Promise<void> {
    return this.#helper.ended;
  }

  /** Why it has ended; `undefined` while it is there. */
  get failure(): Error | undefined {
    return this.#helper.failure;
  }

  /** Where `netlink_gate.py` takes what an OCI runtime hands over of its containers' seccomp lists. */
  get gatePath(): string {
    return join(this.directory, 'netlink-gate.sock');
  }

  /** Where the absolute `path` of the namespace is seen from this process. */
  resolve(path: string): string {
    return `/proc/self/fd/${this.#rootFd}${path}`;
  }

  /** Mounts a file system in memory at `path`, a directory. @throws Error with what the kernel said */
  async mountTmpfs(path: string, options: readonly string[]): Promise<void> {
    await this.#ask({ mount: path, options });
  }

  /** Unmounts: the path is free at once, the file system goes when its last open file is closed. @throws as `mountTmpfs` */
  async unmount(path: string): Promise<void> {
    // Its mounts are gone with it.
    if (this.failure !== undefined) return;
    await this.#ask({ unmount: path });
  }

  /** Makes a FIFO at each path, for root alone. */
  async makeFifos(paths: readonly string[]): Promise<void> {
    await this.#ask({ fifos: paths });
  }

  /**
   * Makes a user namespace and keeps it at `path`, where nothing is yet; disposing lets go of it, once or twice.
   * @param namespace.owner host id of the user that it belongs to, and with it all that the kernel counts by the user who made a
   * namespace: were it root's, one sandbox could use up what root itself may have
   * @param namespace.limits files of `/proc/sys/user`, of which this kernel may lack some, and their values in the namespace
   */
  async makeUserNamespace(
    path: string,
    namespace: {
      readonly owner: number;
      readonly ids: { readonly firstHostId: number; readonly size: number };
      readonly limits: Readonly<Record<string, number>>;
    },
  ): Promise<AsyncDisposable> {
    const { owner, ids, limits } = namespace;
    await this.#ask({ user_namespace: path, owner, ids: [ids.firstHostId, ids.size], limits });
    let gone: Promise<void> | undefined;
    return { [Symbol.asyncDispose]: async () => (gone ??= this.unmount(path)) };
  }

  /**
   * Starts a program that finds `files` open from descriptor 0 on, and nothing else. Resolves when it runs: from then on it
   * has them for itself. @throws Error if it cannot be started
   */
  async start(argv: readonly string[], files: readonly InheritedFd[]): Promise<Program> {
    const helper = this.#helper;
    const id = helper.nextId();
    const { exited, forget } = helper.expect(id);
    try {
      helper.send({ id, start: { argv, files: files.map(pathOf) } });
      await this.#answer('start', id);
    } catch (error) {
      // If it is only late, it must not run without an owner.
      helper.send({ id, kill: true });
      forget();
      throw error;
    }
    return {
      exited,
      kill: () => {
        helper.send({ id, kill: true });
      },
    };
  }

  /**
   * Watches the process `pid` of this host, whoever started it. Resolves when it is watched; `ended` then settles when the process
   * has ended, and rejects if the namespace ends first.
   * @throws Error if there is no such process
   */
  async watch(pid: number): Promise<{ readonly ended: Promise<void> }> {
    const id = this.#helper.nextId();
    const { ended, forget } = this.#helper.expectEnd(id);
    try {
      this.#helper.send({ id, watch: pid });
      await this.#answer('watch', id);
    } catch (error) {
      forget();
      throw error;
    }
    return { ended };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    closeSync(this.#rootFd);
    await this.#helper[Symbol.asyncDispose]();
  }

  async #ask(question: Question): Promise<void> {
    const id = this.#helper.nextId();
    this.#helper.send({ id, ...question });
    await this.#answer(Object.keys(question)[0] ?? '', id);
  }

  async #answer(what: string, id: number): Promise<void> {
    try {
      await this.#helper.answer(id);
    } catch (error) {
      throw new Error(`${what}: failed: ${(error as Error).message}`, { cause: error });
    }
  }
}

/** Where the helper opens it anew, and how. */
function pathOf({ fd, flags }: InheritedFd): [path: string, flags: number] {
  return [`/proc/${process.pid}/fd/${fd}`, flags];
}
