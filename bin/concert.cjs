#!/usr/bin/env node
'use strict';

const path = require('node:path');

require('./pinned-node.cjs').runPinned([
  path.join(__dirname, '..', 'node', 'cli', 'main.ts'),
  ...process.argv.slice(2),
]);
