// Builds dist/, which the package ships: Node strips types only outside of node_modules, so an installed Concert runs
// JavaScript. Emitted is what tsconfig.dist.json names, and what that imports; `npm run check` checks the types.
// Runs as `prepare`: with `npm ci`, before `npm pack`, and when another project installs this folder.
'use strict';

const { spawnSync } = require('child_process');
const fs = require('fs');
const path = require('path');

const root = path.join(__dirname, '..');
/** What the compiled files read beside themselves. */
const ASSET_FOLDERS = ['node/server/console'];
const NO_ASSETS = ['.ts', '.md', '.json'];

const compiler = findCompiler();
if (compiler === null) {
  const packs = ['pack', 'publish'].includes(process.env.npm_command);
  process.stderr.write(
    'concert: dist/ is not built, since typescript is not installed, or not as a whole: run `npm ci` for it\n',
  );
  // Without development dependencies the commands run from their sources all the same.
  process.exit(packs ? 1 : 0);
}
const built = path.join(root, '.build', `dist-${process.pid}`);
process.on('exit', () => fs.rmSync(built, { recursive: true, force: true }));
const { status } = spawnSync(
  process.execPath,
  [compiler, '--project', path.join(root, 'tsconfig.dist.json'), '--outDir', built],
  { stdio: 'inherit' },
);
if (status !== 0) process.exit(1);
for (const folder of ASSET_FOLDERS) {
  fs.cpSync(path.join(root, folder), path.join(built, folder), { recursive: true, filter: isAsset });
}
// Whole or not at all: an interrupted build leaves the old one.
const dist = path.join(root, 'dist');
fs.rmSync(dist, { recursive: true, force: true });
fs.renameSync(built, dist);

/** Null if there is none, or only its half: the compiled part is an optional dependency of its platform. */
function findCompiler() {
  try {
    const tsc = path.join(path.dirname(require.resolve('typescript/package.json')), 'bin', 'tsc');
    const { status } = spawnSync(process.execPath, [tsc, '--version'], { stdio: 'ignore' });
    return status === 0 ? tsc : null;
  } catch (_) {
    return null;
  }
}

function isAsset(file) {
  return fs.statSync(file).isDirectory() || !NO_ASSETS.includes(path.extname(file));
}
