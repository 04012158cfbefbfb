export { zstdCompression } from './compression.ts';
export type { DataDirectory } from './data-directory.ts';
export { openDataDirectory } from './data-directory.ts';
export { FileDisk } from './file-disk.ts';
export { SystemClock } from './system-clock.ts';
export { SystemRandom } from './system-random.ts';
export type { WebSocketNetworkOptions } from './websocket-network.ts';
export { NetworkError, WebSocketNetwork } from './websocket-network.ts';
