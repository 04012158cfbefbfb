/** A process with one lane, which brings one batch as often as its parent says so, and tells how that went. */
import { DiskError } from '../../../gcs/base/index.ts';
import { openLanes } from '../open-lanes.ts';

export interface Told {
  /** `no-room`, another error, or null. */
  readonly error: string | null;
  readonly flushedUpTo: number;
  /** Of the one row, its first byte; null: there is none. */
  readonly row: number | null;
}

export const KEY = '\0\0\0\x01k';

const [directory] = process.argv.slice(2);
const outcome = await openLanes(directory!, { lanes: 1, memberId: 'no-room' });
if (outcome.kind !== 'opened') throw new Error(outcome.reason);
const lane = outcome.lanes[0]!;
process.on('message', (byte: number) => {
  const image = new Uint8Array(600_000).fill(byte);
  const batch = { upTo: lane.flushedUpTo + 1, clear: [], rows: [{ key: KEY, sequenceNumber: byte, image }] };
  lane.flush(batch, (error) => {
    lane.renewReadView();
    const isWantOfRoom = error instanceof DiskError && error.code === 'NO_SPACE';
    process.send!({
      error: error === null ? null : isWantOfRoom ? 'no-room' : error.message,
      flushedUpTo: lane.flushedUpTo,
      row: lane.get(KEY)?.image[0] ?? null,
    } satisfies Told);
  });
});
