import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { TestCluster } from './cluster.ts';

/** Compares what happened with `transcripts/<name>.txt`; with UPDATE_TRANSCRIPTS=1 writes it instead. */
export function expectTranscript(name: string, cluster: TestCluster): void {
  const file = path.join(import.meta.dirname, 'transcripts', `${name}.txt`);
  const happened = `${cluster.transcript.join('\n')}\n`;
  if (process.env.UPDATE_TRANSCRIPTS === '1') writeFileSync(file, happened);
  assert.ok(existsSync(file), `${file} is missing: run with UPDATE_TRANSCRIPTS=1, read it, and keep it`);
  assert.equal(happened, readFileSync(file, 'utf8'));
}
