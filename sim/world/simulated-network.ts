/**
 * Connections between hosts, as TCP makes them: a stream is in order and without gaps, or it ends. What a real network
 * does to packets shows as that: a lost one as delay or as a reset, a partition as silence until it heals or the
 * connection times out, a dead peer as a half-open connection. Everything drawn comes from the network's own stream.
 *
 * Each direction of a connection is a queue of frames in flight, the opening and the closing ones included. Only its
 * first frame has an event; it is delivered when it has arrived and the link is not blocked, else the direction stalls
 * until the link is free again.
 */
import type { Connection, ConnectionHandler, Network, SeededRandom } from '../../gcs/base/index.ts';
import type { SimulatedHost } from './simulated-host.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import type { SimulatedWorld } from './simulated-world.ts';

/** What the network is like at the moment. Rates are drawn for each frame. */
export interface NetworkConditions {
  latencyMinUs: number;
  latencyMaxUs: number;
  /** A frame is lost for good: the connection is reset, and what was behind it is lost, too. */
  resetsPerMillion: number;
  /** A frame, and all behind it in its connection, come up to `delayMaxUs` late. */
  delaysPerMillion: number;
  delayMaxUs: number;
  /** A frame comes so late that others, of other connections, overtake it. */
  reordersPerMillion: number;
  reorderMaxUs: number;
  /** Of connections that break, how many leave one end in the dark. */
  halfOpenPercent: number;
  /** Of hosts that lost power or are cut off, how long until a peer's connection times out. */
  timeoutMinUs: number;
  timeoutMaxUs: number;
}

export const CALM: NetworkConditions = {
  latencyMinUs: 50,
  latencyMaxUs: 500,
  resetsPerMillion: 0,
  delaysPerMillion: 0,
  delayMaxUs: 0,
  reordersPerMillion: 0,
  reorderMaxUs: 0,
  halfOpenPercent: 0,
  timeoutMinUs: 1_000_000,
  timeoutMaxUs: 15_000_000,
};

const BYTES_PER_US = 100;
/** What the operating system takes off a sender's hands before `bufferedBytes` begins to count. */
const SYSTEM_BUFFER_BYTES = 65_536;

type Frame =
  | { readonly kind: 'open'; readonly address: string }
  | { readonly kind: 'opened' }
  | { readonly kind: 'data'; readonly bytes: Uint8Array }
  | { readonly kind: 'close'; readonly reason: string };

interface FrameInFlight {
  readonly frame: Frame;
  readonly arrivesAtUs: number;
  readonly sentNumber: number;
}

export class SimulatedNetwork {
  conditions: NetworkConditions = { ...CALM };
  /** Listens in: called with each frame before it is sent. */
  frameSent: (from: SimulatedHost, to: SimulatedHost, bytes: Uint8Array) => void = () => {};
  /** Called with each frame that was sent, within the turn that sent it. */
  frameLeft: (from: SimulatedHost, to: SimulatedHost, bytes: Uint8Array) => void = () => {};
  readonly #world: SimulatedWorld;
  readonly #random: SeededRandom;
  readonly #listeners = new Map<
    string,
    { process: SimulatedProcess; accepted: (c: Connection) => ConnectionHandler }
  >();
  readonly #ends = new Set<ConnectionEnd>();
  readonly #blocked = new Set<number>();
  /** Hosts whose line is narrow: how wide it is, and when it is free again. */
  readonly #uplinks = new Map<SimulatedHost, { readonly bytesPerUs: number; freeAtUs: number }>();
  /** Highest number of a frame that each host received, to see when frames overtake each other. */
  readonly #newestReceived = new Map<SimulatedHost, number>();
  #framesSent = 0;
  #blockings = 0;

  constructor(world: SimulatedWorld) {
    this.#world = world;
    this.#random = world.random.split('network');
  }

  /** The network as one process has it. */
  of(process: SimulatedProcess): Network {
    return {
      listen: (accepted) => {
        if (!process.isAlive) return;
        this.#listeners.set(process.host.address, { process, accepted });
      },
      connect: (address, handler) => {
        const end = new ConnectionEnd(this, process, handler);
        if (!process.isAlive) return end;
        this.#ends.add(end);
        this.#put(end, { kind: 'open', address });
        return end;
      },
    };
  }

  /** Frames from `from` do not reach `to` until the link is unblocked; the other direction is not touched. */
  block(from: SimulatedHost, to: SimulatedHost): void {
    this.#blocked.add(linkOf(from, to));
    this.#blockings++;
  }

  /** Some link is blocked. */
  get isDivided(): boolean {
    return this.#blocked.size > 0;
  }

  /** How often a link was blocked or unblocked. */
  get blockings(): number {
    return this.#blockings;
  }

  unblock(from: SimulatedHost, to: SimulatedHost): void {
    if (!this.#blocked.delete(linkOf(from, to))) return;
    this.#blockings++;
    for (const end of this.#ends) {
      if (end.isStalled && end.process.host === from && this.#targetOf(end) === to) {
        end.isStalled = false;
        this.#scheduleArrival(end, this.#random.between(0, 200_000));
      }
    }
  }

  unblockAll(): void {
    for (const from of this.#world.hosts) for (const to of this.#world.hosts) this.unblock(from, to);
  }

  isBlocked(from: SimulatedHost, to: SimulatedHost): boolean {
    return this.#blocked.has(linkOf(from, to));
  }

  /** What `host` sends leaves it at so many bytes a second; null: as fast as anything. */
  limitBandwidth(host: SimulatedHost, bytesPerSecond: number | null): void {
    if (bytesPerSecond === null) this.#uplinks.delete(host);
    else this.#uplinks.set(host, { bytesPerUs: bytesPerSecond / 1_000_000, freeAtUs: this.#world.nowUs });
  }

  unlimitBandwidth(): void {
    this.#uplinks.clear();
  }

  /** Ends of connections that `process` has, in any state. */
  endsOf(process: SimulatedProcess): number {
    let count = 0;
    for (const end of this.#ends) if (end.process === process && end.isOpen) count++;
    return count;
  }

  /** Breaks every connection of `host`; frames in flight are lost. */
  resetConnectionsOf(host: SimulatedHost): void {
    for (const end of [...this.#ends]) {
      if (end.process.host === host && end.isOpen) this.#reset(end, 'connection reset');
    }
  }

  /** A process is gone. What it had sent is on its way, if its machine still runs. */
  processEnded(process: SimulatedProcess, how: 'killed' | 'power-lost'): void {
    const listener = this.#listeners.get(process.host.address);
    if (listener?.process === process) this.#listeners.delete(process.host.address);
    for (const end of [...this.#ends]) {
      if (end.process !== process) continue;
      const wasOpen = end.isOpen;
      end.forget();
      if (how === 'killed' && wasOpen) this.#put(end, { kind: 'close', reason: 'closed by peer' });
      else if (end.other?.isOpen) {
        // What had not left the machine never will.
        end.loseInFlight(this.#random.below(end.inFlight.length + 1));
        this.#world.faultCounts.add('half-open');
        this.#timeOut(end.other);
      }
      if (end.inFlight.length === 0) this.#ends.delete(end);
    }
  }

  sent(end: ConnectionEnd, bytes: Uint8Array): void {
    const { conditions } = this;
    const receiver = end.other?.process.host;
    if (receiver !== undefined) this.frameSent(end.process.host, receiver, bytes);
    if (!end.process.isAlive) return;
    this.#put(end, { kind: 'data', bytes });
    if (receiver !== undefined) this.frameLeft(end.process.host, receiver, bytes);
    if (!end.process.isAlive) return;
    if (conditions.resetsPerMillion > 0 && this.#random.below(1_000_000) < conditions.resetsPerMillion) {
      this.#world.faultCounts.add('connection reset');
      this.#reset(end, 'connection reset');
    }
  }

  closedByOwner(end: ConnectionEnd, reason: string): void {
    this.#put(end, { kind: 'close', reason });
    end.process.soon(() => end.becomeClosed(reason));
  }

  #put(end: ConnectionEnd, frame: Frame): void {
    const { conditions } = this;
    const now = this.#world.nowUs;
    const size = frame.kind === 'data' ? frame.bytes.length : 64;
    let travelUs =
      this.#random.between(conditions.latencyMinUs, conditions.latencyMaxUs) + Math.ceil(size / BYTES_PER_US);
    const uplink = this.#uplinks.get(end.process.host);
    if (uplink !== undefined) {
      uplink.freeAtUs = Math.max(uplink.freeAtUs, now) + Math.ceil(size / uplink.bytesPerUs);
      travelUs += uplink.freeAtUs - now;
    }
    if (conditions.delaysPerMillion > 0 && this.#random.below(1_000_000) < conditions.delaysPerMillion) {
      travelUs += this.#random.below(conditions.delayMaxUs);
      this.#world.faultCounts.add('delay');
    }
    if (conditions.reordersPerMillion > 0 && this.#random.below(1_000_000) < conditions.reordersPerMillion) {
      travelUs += this.#random.below(conditions.reorderMaxUs);
    }
    const before = end.inFlight[end.inFlight.length - 1];
    const arrivesAtUs = Math.max(now + travelUs, before === undefined ? end.lastArrivalUs : before.arrivesAtUs);
    end.inFlight.push({ frame, arrivesAtUs, sentNumber: ++this.#framesSent });
    end.bytesInFlight += frame.kind === 'data' ? size : 0;
    if (end.inFlight.length === 1 && !end.isStalled) this.#scheduleArrival(end, arrivesAtUs - now);
  }

  #scheduleArrival(end: ConnectionEnd, delayUs: number): void {
    this.#world.schedule(delayUs, () => this.#arrive(end));
  }

  #arrive(end: ConnectionEnd): void {
    const first = end.inFlight[0];
    // What was lost in between leaves its event behind.
    if (first === undefined || end.isStalled || first.arrivesAtUs > this.#world.nowUs) return;
    const target = this.#targetOf(end);
    if (target === null) {
      end.loseInFlight(0);
      this.#refuse(end, 'connection refused');
      return;
    }
    if (this.#blocked.has(linkOf(end.process.host, target))) {
      end.isStalled = true;
      this.#world.faultCounts.add('stalled link');
      if (first.frame.kind === 'open') this.#timeOut(end);
      else this.#timeOutIfStalled(end, first);
      return;
    }
    end.inFlight.shift();
    end.lastArrivalUs = first.arrivesAtUs;
    if (first.frame.kind === 'data') end.bytesInFlight -= first.frame.bytes.length;
    const newest = this.#newestReceived.get(target) ?? 0;
    if (first.sentNumber > newest) this.#newestReceived.set(target, first.sentNumber);
    else if (this.conditions.reordersPerMillion > 0) this.#world.faultCounts.add('reorder');
    this.#deliver(end, target, first.frame);
    const next = end.inFlight[0];
    if (next !== undefined) this.#scheduleArrival(end, Math.max(0, next.arrivesAtUs - this.#world.nowUs));
    else if (!end.isOpen) this.#ends.delete(end);
  }

  #deliver(end: ConnectionEnd, target: SimulatedHost, frame: Frame): void {
    if (frame.kind === 'open') {
      this.#open(end, target, frame.address);
      return;
    }
    const receiver = end.other;
    if (receiver === null) return;
    if (!receiver.process.isAlive) {
      if (target.isPowered) this.#refuse(end, 'connection reset by peer');
      return;
    }
    switch (frame.kind) {
      case 'opened':
        receiver.process.turn(() => receiver.becomeOpened());
        return;
      case 'data': {
        this.#world.story.mark(frame.bytes.length);
        if (!receiver.isOpen) this.#refuse(end, 'connection reset by peer');
        // A copy made now: a sender that still writes into its frame corrupts it.
        else receiver.process.turn(() => receiver.receive(frame.bytes.slice()));
        return;
      }
      case 'close':
        receiver.process.turn(() => {
          receiver.becomeClosed(frame.reason);
          if (receiver.inFlight.length === 0) this.#ends.delete(receiver);
        });
        return;
    }
  }

  #open(opener: ConnectionEnd, target: SimulatedHost, address: string): void {
    const listener = this.#listeners.get(address);
    if (listener === undefined) {
      if (target.isPowered) this.#refuse(opener, 'connection refused');
      else this.#timeOut(opener);
      return;
    }
    // The end is there before its program takes notice of it, which may be paused, and may die before it does.
    const end = new ConnectionEnd(this, listener.process, null);
    end.other = opener;
    opener.other = end;
    this.#ends.add(end);
    if (!opener.process.isAlive) this.#timeOut(end);
    else if (!opener.isOpen) this.#refuse(end, 'closed by peer');
    listener.process.turn(() => {
      this.#put(end, { kind: 'opened' });
      end.handledBy(listener.accepted(end));
    });
  }

  #refuse(end: ConnectionEnd, reason: string): void {
    this.#closeLater(end, this.#random.between(this.conditions.latencyMinUs, this.conditions.latencyMaxUs), reason);
  }

  /** Both directions lose what is in flight from some frame on; the ends learn of it, or one does not for long. */
  #reset(end: ConnectionEnd, reason: string): void {
    for (const one of [end, end.other]) {
      if (one === null) continue;
      one.loseInFlight(this.#random.below(one.inFlight.length + 1));
      one.isBroken = true;
      if (this.#random.chance(this.conditions.halfOpenPercent)) {
        this.#world.faultCounts.add('half-open');
        this.#timeOut(one);
      } else this.#closeLater(one, this.#random.between(0, 50_000), reason);
    }
  }

  #timeOut(end: ConnectionEnd): void {
    const { timeoutMinUs, timeoutMaxUs } = this.conditions;
    this.#closeLater(end, this.#random.between(timeoutMinUs, timeoutMaxUs), 'timed out');
  }

  #timeOutIfStalled(end: ConnectionEnd, first: FrameInFlight): void {
    const { timeoutMinUs, timeoutMaxUs } = this.conditions;
    this.#world.schedule(this.#random.between(timeoutMinUs, timeoutMaxUs), () => {
      if (!end.isStalled || end.inFlight[0] !== first) return;
      end.isStalled = false;
      this.#reset(end, 'timed out');
    });
  }

  #closeLater(end: ConnectionEnd, delayUs: number, reason: string): void {
    end.process.after(delayUs, () => {
      end.becomeClosed(reason);
      end.loseInFlight(0);
      this.#ends.delete(end);
    });
  }

  #targetOf(end: ConnectionEnd): SimulatedHost | null {
    if (end.other !== null) return end.other.process.host;
    const first = end.inFlight[0];
    if (first?.frame.kind !== 'open') return null;
    const { address } = first.frame;
    return this.#world.hosts.find((host) => host.address === address) ?? null;
  }
}

/** One end of a connection, and the direction of frames from here to the other end. */
class ConnectionEnd implements Connection {
  readonly process: SimulatedProcess;
  other: ConnectionEnd | null = null;
  readonly inFlight: FrameInFlight[] = [];
  bytesInFlight = 0;
  lastArrivalUs = 0;
  /** The first frame in flight waits for its link. */
  isStalled = false;
  /** What is sent from now on reaches nobody. */
  isBroken = false;
  readonly #network: SimulatedNetwork;
  #handler: ConnectionHandler | null;
  #state: 'open' | 'closing' | 'closed' = 'open';

  constructor(network: SimulatedNetwork, process: SimulatedProcess, handler: ConnectionHandler | null) {
    this.#network = network;
    this.process = process;
    this.#handler = handler;
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  get bufferedBytes(): number {
    return Math.max(0, this.bytesInFlight - SYSTEM_BUFFER_BYTES);
  }

  send(bytes: Uint8Array): void {
    if (this.#state !== 'open' || !this.process.isAlive) return;
    if (this.isBroken) this.bytesInFlight += bytes.length;
    else this.#network.sent(this, bytes);
  }

  close(reason: string): void {
    if (this.#state !== 'open' || !this.process.isAlive) return;
    this.#state = 'closing';
    if (this.isBroken) this.process.soon(() => this.becomeClosed(reason));
    else this.#network.closedByOwner(this, reason);
  }

  handledBy(handler: ConnectionHandler): void {
    this.#handler = handler;
  }

  becomeOpened(): void {
    if (this.#state === 'open') this.#handler?.opened();
  }

  receive(bytes: Uint8Array): void {
    if (this.#state === 'open') this.#handler?.received(bytes);
  }

  becomeClosed(reason: string): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#handler?.closed(reason);
  }

  /** Its process is gone. */
  forget(): void {
    this.#state = 'closed';
    this.#handler = null;
  }

  loseInFlight(from: number): void {
    for (const { frame } of this.inFlight.splice(from)) {
      if (frame.kind === 'data') this.bytesInFlight -= frame.bytes.length;
    }
  }
}

function linkOf(from: SimulatedHost, to: SimulatedHost): number {
  return from.ordinal * 1000 + to.ordinal;
}
