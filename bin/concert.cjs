#!/usr/bin/env node
'use strict';

const path = require('node:path');

// Row versions live for about a second: with room for them in the young generation fewer are copied, which gives a
// member a tenth of its processor time back. Processes that this one starts take the flag along.
const NODE_FLAGS = ['--max-semi-space-size=64'];

require('./pinned-node.cjs').runPinned([
  ...NODE_FLAGS,
  path.join(__dirname, '..', 'node', 'cli', 'main.ts'),
  ...process.argv.slice(2),
]);
