import { fork, type ChildProcess } from 'node:child_process';
import path from 'node:path';
import type { Homes } from './homes.ts';
import { homesVia } from './homes-via.ts';
import type { HomeRoots, Operation, OperationResult } from './operation.ts';
import type { Answer, Ask } from './worker.ts';

export interface HomesProcessOptions {
  readonly roots: HomeRoots;
  /** How long one operation may take, in milliseconds. */
  readonly deadlineMs: number;
  /** Told of what goes wrong with the process itself. */
  readonly onTrouble: (what: string) => void;
  /** The module that performs operations; tests pass one that hangs. */
  readonly module?: string;
}

/** Operations under way at once in one process, each on a thread of its own. */
const THREADS = 8;
/** When this many operations of a process are past their deadline it is given up, and the next one is started. */
const STUCK_LIMIT = THREADS / 2;
/** Processes given up that the kernel has not let end yet. With this many, the file system is left alone for now. */
const ABANDONED_LIMIT = 3;

/** It holds one file at a time of each operation. */
const MEMORY = ['--max-semi-space-size=1', '--max-old-space-size=64'];
/** A process without work is ended after this time: it is as large as Node itself. */
const IDLE_MS = 30_000;

interface Waiting {
  readonly settle: (result: OperationResult) => void;
  readonly timer: NodeJS.Timeout;
}

interface Worker {
  readonly child: ChildProcess;
  readonly waiting: Map<number, Waiting>;
  stuck: number;
}

/** Homes worked on in a process of their own, started with the first operation. */
export class HomesProcess {
  readonly homes: Homes;
  readonly #options: HomesProcessOptions;
  readonly #queue: { operation: Operation; settle: (result: OperationResult) => void }[] = [];
  readonly #abandoned = new Set<ChildProcess>();
  #current: Worker | undefined;
  #idle: NodeJS.Timeout | undefined;
  #nextId = 0;

  constructor(options: HomesProcessOptions) {
    this.#options = options;
    this.homes = homesVia((operation) => this.#perform(operation));
  }

  async #perform(operation: Operation): Promise<OperationResult> {
    return new Promise((settle) => {
      this.#queue.push({ operation, settle });
      this.#next();
    });
  }

  /** Sends what there is room for. Stuck operations keep their thread, so they count as under way. */
  #next(): void {
    while (this.#queue.length > 0) {
      if (this.#current === undefined && this.#abandoned.size >= ABANDONED_LIMIT) {
        for (const { settle } of this.#queue.splice(0)) settle(refusal('the file system hangs'));
        return;
      }
      const current = (this.#current ??= this.#start());
      if (current.waiting.size + current.stuck >= THREADS) return;
      const next = this.#queue.shift();
      if (next === undefined) return;
      const id = ++this.#nextId;
      const timer = setTimeout(() => {
        this.#late(current, id);
      }, this.#options.deadlineMs);
      current.waiting.set(id, { settle: next.settle, timer });
      const ask: Ask = { id, operation: next.operation };
      current.child.send(ask, (error) => {
        if (error !== null) this.#giveUp(current, `it cannot be spoken to (${error.message})`);
      });
    }
  }

  #start(): Worker {
    const module = this.#options.module ?? path.join(import.meta.dirname, 'worker.ts');
    const { tool, admin } = this.#options.roots;
    const child = fork(module, [tool, admin], {
      serialization: 'advanced',
      execArgv: MEMORY,
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: { UV_THREADPOOL_SIZE: String(THREADS) },
    });
    const current: Worker = { child, waiting: new Map(), stuck: 0 };
    child.on('message', (answer) => {
      this.#answered(current, answer as Answer);
    });
    child.on('exit', (code, signal) => {
      this.#abandoned.delete(child);
      if (this.#current === current) this.#giveUp(current, `it ended (${signal ?? String(code)})`);
      this.#next();
    });
    child.on('error', (error) => {
      if (this.#current === current) this.#giveUp(current, error.message);
    });
    return current;
  }

  #answered(current: Worker, { id, result }: Answer): void {
    const waiting = current.waiting.get(id);
    if (waiting === undefined)
      current.stuck -= 1; // late, but it came: its thread is free again
    else {
      clearTimeout(waiting.timer);
      current.waiting.delete(id);
      waiting.settle(result);
    }
    this.#next();
    if (current.waiting.size === 0 && current.stuck === 0) this.#endWhenIdle(current);
  }

  #endWhenIdle(current: Worker): void {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => {
      if (this.#current === current && current.waiting.size === 0) this.close();
    }, IDLE_MS).unref();
  }

  #late(current: Worker, id: number): void {
    const waiting = current.waiting.get(id);
    if (waiting === undefined) return;
    current.waiting.delete(id);
    current.stuck += 1;
    waiting.settle(refusal(`the file system did not answer within ${this.#options.deadlineMs / 1000} s`));
    if (current.stuck >= STUCK_LIMIT) this.#giveUp(current, `${current.stuck} operations hang`);
  }

  /** Ends the process if the kernel lets it end, and forgets it; what waited for it fails. */
  #giveUp(current: Worker, why: string): void {
    if (this.#current !== current) return;
    this.#current = undefined;
    this.#options.onTrouble(`The process that works on homes is given up: ${why}`);
    const { child, waiting } = current;
    if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
      this.#abandoned.add(child);
      child.kill('SIGKILL');
      child.unref();
      child.channel?.unref();
    }
    for (const { settle, timer } of waiting.values()) {
      clearTimeout(timer);
      settle(refusal('the file system hangs'));
    }
    waiting.clear();
    this.#next();
  }

  /** Ends the process. Call it when nothing is under way. */
  close(): void {
    clearTimeout(this.#idle);
    const current = this.#current;
    this.#current = undefined;
    current?.child.removeAllListeners();
    current?.child.kill('SIGKILL');
  }
}

function refusal(message: string): OperationResult {
  return { ok: false, message };
}
