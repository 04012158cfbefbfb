import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { FileDisk, WebSocketNetwork } from '../../gcs/driver/index.ts';
import { diskConformance } from './disk-conformance.ts';
import { networkConformance } from './network-conformance.ts';
import { simulatedDisk, simulatedNetwork } from './simulated-stages.ts';
import type { DiskStage, NetworkStage, Stage } from './stage.ts';

const until: Stage['until'] = (start) => new Promise((resolve) => start(resolve));

async function realDisk(): Promise<DiskStage> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'concert-conformance-'));
  return { disk: new FileDisk(directory), until, close: () => rm(directory, { recursive: true, force: true }) };
}

async function realNetwork(): Promise<NetworkStage> {
  const options = { host: '127.0.0.1', port: 0, frameBytesMax: 1024 * 1024 };
  const listener = await WebSocketNetwork.start(options);
  const opener = await WebSocketNetwork.start(options);
  return {
    listener,
    opener,
    address: `127.0.0.1:${listener.port}`,
    nobody: `127.0.0.1:${await freePort()}`,
    until,
    close: async () => {
      await opener.stop();
      await listener.stop();
    },
  };
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

diskConformance('simulated', () => simulatedDisk(1));
diskConformance('real', realDisk);
networkConformance('simulated', () => simulatedNetwork(1));
networkConformance('real', realNetwork);
