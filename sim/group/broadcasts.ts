/** What members broadcast and ask for, small and large, compressible and not. */
import type { SeededRandom } from '../../gcs/base/index.ts';
import type { Elections } from '../observers/elections.ts';
import type { Reads } from '../observers/reads.ts';
import type { Machine } from '../roster.ts';
import type { SimulatedHost, SimulatedWorld } from '../world/index.ts';
import type { GroupCluster, RunningGroup } from './group-cluster.ts';

export interface BroadcastsSetup {
  readonly world: SimulatedWorld;
  readonly cluster: GroupCluster;
  readonly elections: Elections;
  readonly reads: Reads;
  readonly random: SeededRandom;
  /** With long silences. */
  readonly isLong: boolean;
  readonly fragmentBytesMax: number;
}

const RETRY_US = 20_000;
/** Of one message: with the smallest windows each takes a round trip, and hundreds of messages wait. */
const SMALL_FRAGMENTS_MAX = 5;
const LARGE_FRAGMENTS_MAX = 50;

export class Broadcasts {
  readonly #setup: BroadcastsSetup;
  readonly #random: SeededRandom;
  readonly #meanGapMs: number;
  readonly #bytesMax: number;
  readonly #largeBytesMax: number;
  readonly #largePercent: number;
  readonly #readPercent: number;
  #isOver = false;
  #count = 0;
  #unsaid = new Set<SimulatedHost>();
  readonly #busy = new Set<SimulatedHost>();

  constructor(setup: BroadcastsSetup) {
    this.#setup = setup;
    const random = setup.random;
    this.#random = random;
    this.#meanGapMs = random.pick(setup.isLong ? [30_000, 60_000, 120_000] : [30, 200, 1000, 4000]);
    this.#bytesMax = Math.min(random.pick([10, 300, 3000]), SMALL_FRAGMENTS_MAX * setup.fragmentBytesMax);
    this.#largeBytesMax = Math.min(random.pick([3000, 20_000, 100_000]), LARGE_FRAGMENTS_MAX * setup.fragmentBytesMax);
    this.#largePercent = random.pick([0, 1, 5]);
    this.#readPercent = random.pick([0, 5, 30]);
  }

  get count(): number {
    return this.#count;
  }

  /** The last words of these were delivered to them. */
  isSaidBy(machines: readonly Machine[]): boolean {
    return machines.every(({ host }) => !this.#unsaid.has(host));
  }

  begin(): void {
    this.#setup.elections.began = (term) => this.#askDeposed(term);
    this.#look();
  }

  /** Whoever still takes itself for the leader is asked at once; one that is paused, as the first thing it does. */
  #askDeposed(term: number): void {
    const { cluster, world } = this.#setup;
    for (const host of cluster.members) {
      const running = cluster.runningOn(host);
      if (running?.status?.role !== 'leader' || running.status.term >= term) continue;
      world.schedule(0, () => {
        if (running.process.isAlive) running.process.turn(() => this.#read(host, running));
      });
    }
  }

  /** New machines broadcast, too. */
  #look(): void {
    if (this.#isOver) return;
    for (const host of this.#setup.cluster.members) {
      if (this.#busy.has(host)) continue;
      this.#busy.add(host);
      this.#later(this.#random.below(1_000_000), () => this.#again(host));
    }
    this.#later(this.#setup.isLong ? 10_000_000 : 500_000, () => this.#look());
  }

  #again(host: SimulatedHost): void {
    if (this.#isOver) return;
    this.#inTurn(host, (running) => {
      for (let burst = this.#random.pick([1, 1, 1, 5]); burst > 0; burst--)
        this.#broadcast(host, running, this.#payload());
      if (this.#random.chance(this.#readPercent)) this.#read(host, running);
    });
    this.#later(this.#random.below(2 * this.#meanGapMs * 1000), () => this.#again(host));
  }

  end(): void {
    this.#isOver = true;
  }

  /** Each of these says one more thing, as often as it takes. */
  lastWords(hosts: readonly SimulatedHost[]): void {
    this.#unsaid = new Set(hosts.filter((host) => !this.#setup.cluster.roster.of(host).hasLeft));
    for (const host of this.#unsaid) this.#say(host, null);
  }

  #say(host: SimulatedHost, said: { running: RunningGroup; ticket: number } | null): void {
    if (this.#setup.cluster.roster.of(host).hasLeft) this.#unsaid.delete(host);
    if (!this.#unsaid.has(host)) return;
    const running = this.#setup.cluster.runningOn(host);
    if (said !== null && said.running === running && !running.pending.has(said.ticket)) {
      this.#unsaid.delete(host);
      return;
    }
    let now = said !== null && said.running === running ? said : null;
    if (now === null) {
      this.#inTurn(host, (of) => {
        const ticket = this.#broadcast(host, of, new Uint8Array(5));
        if (ticket !== null) now = { running: of, ticket };
      });
    }
    this.#later(RETRY_US, () => this.#say(host, now));
  }

  #broadcast(host: SimulatedHost, { group, pending }: RunningGroup, payload: Uint8Array): number | null {
    if (!group.canBroadcast()) return null;
    this.#count++;
    const ticket = group.broadcast(payload);
    pending.set(ticket, this.#setup.reads.isolationOf(host));
    return ticket;
  }

  #read(host: SimulatedHost, { group, process }: RunningGroup): void {
    const { elections, reads, world } = this.#setup;
    const { status } = group;
    if (status === null) return;
    if (status.role === 'leader' && status.term < elections.newestTerm) {
      world.coverage.add('a read index is asked of a deposed leader');
    }
    const read = reads.asked(host);
    group.readIndex((index) => {
      if (process.isAlive) reads.answered(read, index);
    });
  }

  #payload(): Uint8Array {
    const random = this.#random;
    const length = random.chance(this.#largePercent) ? random.below(this.#largeBytesMax) : random.below(this.#bytesMax);
    const bytes = new Uint8Array(length).fill(this.#count);
    if (random.chance(50)) for (let i = 0; i < length; i += 3) bytes[i] = (i * 7 + this.#count) & 0xff;
    return bytes;
  }

  #inTurn(host: SimulatedHost, work: (running: RunningGroup) => void): void {
    const running = this.#setup.cluster.runningOn(host);
    if (running === null || running.process.isPaused) return;
    running.process.turn(() => work(running));
  }

  #later(delayUs: number, callback: () => void): void {
    this.#setup.world.schedule(delayUs, callback);
  }
}
