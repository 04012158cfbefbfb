/** A group of its own for an example: `concert cluster` on free ports, its data gone in the end. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

export async function startGroup(members: number): Promise<{ readonly urls: string[]; stop(): Promise<void> }> {
  const data = mkdtempSync(path.join(tmpdir(), 'concert-example-'));
  const port = await freeRange(2 * members);
  const command = path.join(import.meta.dirname, '..', '..', 'bin', 'concert.cjs');
  const ports = ['--port', String(port), '--group-port', String(port + members)];
  const group = spawn(process.execPath, [command, 'cluster', '--members', String(members), '--data', data, ...ports], {
    // Ctrl-C reaches all processes of a terminal; the group is to end after those who use it.
    detached: true,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const stop = async () => {
    if (group.exitCode === null) {
      const ended = once(group, 'exit');
      group.kill('SIGTERM');
      await ended;
    }
    rmSync(data, { recursive: true, force: true });
  };
  const listening = Array.from({ length: members }, (_, at) => port + at);
  try {
    for (const one of listening) await ready(one, () => group.exitCode === null);
  } catch (error) {
    await stop();
    throw error;
  }
  return { urls: listening.map((one) => `ws://127.0.0.1:${one}/v1`), stop };
}

async function ready(port: number, isRunning: () => boolean): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    if (!isRunning()) throw new Error('the group ended before it was ready');
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => null);
    if (answer?.status === 200) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`the member at port ${port} was not ready within a minute`);
}

/** First of so many free ports in a row. */
async function freeRange(count: number): Promise<number> {
  for (;;) {
    const first = 12_000 + Math.floor(Math.random() * 18_000);
    const servers = Array.from({ length: count }, (_, at) => createServer().listen(first + at, '127.0.0.1'));
    const areFree = await Promise.all(
      servers.map((server) =>
        Promise.race([once(server, 'listening').then(() => true), once(server, 'error').then(() => false)]),
      ),
    );
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    if (areFree.every(Boolean)) return first;
  }
}
