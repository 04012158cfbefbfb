#!/usr/bin/env node
// Starts the command line: from its sources in a checkout, else from what the package ships. Any old Node can run this.
'use strict';

const fs = require('fs');
const path = require('path');

// Row versions live for about a second: with room for them in the young generation fewer are copied, which gives a
// member a tenth of its processor time back. Processes that this one starts take the flag along.
//
// Messages, log and lanes are bytes outside of the heap. By default each 64 MiB of them, in use or not, have the runtime
// mark its whole heap; counted with the heap, they wait until heap and bytes have grown in proportion.
const NODE_FLAGS = ['--max-semi-space-size=64', '--external-memory-accounted-in-global-limit'];

const root = path.join(__dirname, '..');
const sources = path.join(root, 'node', 'cli', 'main.ts');
const isCheckout = fs.existsSync(sources);
const main = isCheckout ? sources : path.join(root, 'dist', 'node', 'cli', 'main.js');

if (isCheckout && !isInstalled('ws')) {
  process.stderr.write(`concert: what it needs is not installed: run \`npm ci\` in ${root}\n`);
  process.exit(1);
}
require('./pinned-node.cjs').runPinned(NODE_FLAGS.concat(main, process.argv.slice(2)));

function isInstalled(name) {
  try {
    return Boolean(require.resolve(name));
  } catch (_) {
    return false;
  }
}
