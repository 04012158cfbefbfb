/** Bounds of the client port. Those that concern clients are told in `welcome`. */
export interface ServerLimits {
  /** A longer frame closes its connection with 1009. */
  readonly frameBytesMax: number;
  /** More are refused with 503, so that what is open keeps its memory and descriptors. */
  readonly connectionsMax: number;
  /** Requests of one connection not yet answered; beyond it nothing more is read from it until half are answered. */
  readonly outstandingMax: number;
  /** Answers queued for one connection; beyond it nothing more is read from it until they are taken. */
  readonly bufferedBytesHigh: number;
  /** Beyond it the connection is cut: its client does not take its answers. */
  readonly bufferedBytesMax: number;
  readonly pingIntervalMs: number;
  /** Pings in a row without a sign of life before the connection is cut. */
  readonly pingMissesMax: number;
  /** How long a stopping member waits for what is committing. */
  readonly drainMsMax: number;
}

export const defaultServerLimits: ServerLimits = {
  frameBytesMax: 1024 * 1024,
  connectionsMax: 4096,
  outstandingMax: 16_384,
  bufferedBytesHigh: 1024 * 1024,
  bufferedBytesMax: 64 * 1024 * 1024,
  pingIntervalMs: 15_000,
  pingMissesMax: 2,
  drainMsMax: 5_000,
};
