#!/usr/bin/env node
// Starts the command line: from its sources in a checkout, else from what the package ships. Any old Node can run this.
'use strict';

const fs = require('fs');
const path = require('path');

// Row versions live for about a second: with room for them in the young generation fewer are copied, which gives a
// member a tenth of its processor time back. Processes that this one starts take the flag along.
const NODE_FLAGS = ['--max-semi-space-size=64'];

const sources = path.join(__dirname, '..', 'node', 'cli', 'main.ts');
const compiled = path.join(__dirname, '..', 'dist', 'node', 'cli', 'main.js');

require('./pinned-node.cjs').runPinned(
  NODE_FLAGS.concat(fs.existsSync(sources) ? sources : compiled, process.argv.slice(2)),
);
