import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below the range from which systems draw the local ports of connections: a member gets its port again at a restart. */
const FIRST = 12_000;
const LAST = 31_999;
const taken = new Set<number>();

/** Ports of 127.0.0.1 that nobody listens on, none twice in this process. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST + 1));
    if (taken.has(port) || !(await isFree(port))) continue;
    taken.add(port);
    ports.push(port);
  }
  return ports;
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  server.listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  await new Promise((resolve) => server.close(resolve));
  return true;
}
