/** One connection of the load and its slots. What its slots ask for in one turn leaves as one frame. */
import type WebSocket from 'ws';
import { BenchError } from '../bench-error.ts';
import { type LoadRequest, type Round, requestsPerRoundMax } from '../scenario.ts';
import { type Answer, openConnection, type Wire } from '../wire.ts';
import { reconnectMs, Slot, type SlotEvents, type SlotHost, type SlotSetup } from './slot.ts';

export interface ConnectionEvents extends SlotEvents {
  connectionLost(): void;
}

/** A slot's requests have the ids from `at` times this: one each, and the last for a rollback that nobody waits for. */
const idsPerSlot = requestsPerRoundMax + 1;

export class LoadConnection implements SlotHost {
  readonly slots: readonly Slot[];
  readonly #urls: readonly string[];
  readonly #wire: Wire;
  readonly #events: ConnectionEvents;
  #urlAt: number;
  #socket: WebSocket | null = null;
  #memberId = '';
  #isLeaving = false;
  #isClosed = false;
  #outbox: LoadRequest[] = [];

  constructor(
    place: { urls: readonly string[]; urlAt: number; wire: Wire; firstSlot: number; pipeline: number },
    events: ConnectionEvents,
    setup: Omit<SlotSetup, 'events'>,
  ) {
    this.#urls = place.urls;
    this.#urlAt = place.urlAt;
    this.#wire = place.wire;
    this.#events = events;
    this.slots = Array.from(
      { length: place.pipeline },
      (_, at) => new Slot({ number: place.firstSlot + at, at, host: this }, { ...setup, events }),
    );
  }

  /** Of the member that it is, or was last, connected to. */
  get memberId(): string {
    return this.#memberId;
  }

  get isAvailable(): boolean {
    return this.#socket !== null && !this.#isLeaving;
  }

  /** @throws BenchError if no member can be reached: why the first could not. */
  async openSomewhere(): Promise<void> {
    let failure: unknown = null;
    for (let tried = 0; tried < this.#urls.length; tried++) {
      try {
        return await this.#open();
      } catch (error) {
        failure ??= error;
        this.#urlAt = (this.#urlAt + 1) % this.#urls.length;
      }
    }
    throw failure;
  }

  /** The load begins: offers its slots, or looks for another member if it has none. */
  begin(): void {
    if (this.#socket === null) this.#reconnectLater();
    else this.#offerSlots();
  }

  close(): void {
    this.#isClosed = true;
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  send(slot: Slot, round: Round): void {
    const firstId = slot.at * idsPerSlot;
    for (let i = 0; i < round.length; i++) {
      const request = round[i]!;
      request.id = firstId + i;
      this.#put(request);
    }
  }

  rollBack(slot: Slot, tx: string): void {
    if (this.#socket !== null) this.#put({ id: slot.at * idsPerSlot + requestsPerRoundMax, op: 'rollback', tx });
  }

  moveElsewhere(): void {
    if (this.#urls.length > 1) this.#isLeaving = true;
  }

  /** @throws BenchError if the member cannot be reached. */
  async #open(): Promise<void> {
    const { socket, welcome } = await openConnection(this.#urls[this.#urlAt]!, this.#wire, (message) => {
      if (this.#socket === socket) this.#received(message);
    });
    if (this.#isClosed) {
      socket.close();
      return;
    }
    if (socket.readyState !== socket.OPEN) {
      throw new BenchError({ code: 'CONNECTION', message: `${this.#urls[this.#urlAt]} closed the connection at once` });
    }
    this.#socket = socket;
    this.#memberId = welcome.member.memberId;
    socket.on('close', () => {
      if (this.#socket === socket) this.#lost();
    });
  }

  #put(request: LoadRequest): void {
    if (this.#outbox.length === 0) queueMicrotask(() => this.#flush());
    this.#outbox.push(request);
  }

  #flush(): void {
    const requests = this.#outbox;
    this.#outbox = [];
    this.#socket?.send(this.#wire.encode(requests.length === 1 ? requests[0] : requests));
  }

  #received(message: Answer | readonly Answer[]): void {
    const now = performance.now();
    if (Array.isArray(message)) for (const answer of message as readonly Answer[]) this.#answered(answer, now);
    else this.#answered(message as Answer, now);
    if (this.#isLeaving && !this.slots.some((slot) => slot.isAsking)) this.#leave();
  }

  #answered(answer: Answer, nowMs: number): void {
    if (answer.event !== undefined) return;
    const { id } = answer;
    const at = id % idsPerSlot;
    if (at === requestsPerRoundMax) return;
    if (this.slots[(id - at) / idsPerSlot]?.answered(at, answer, nowMs) === true) return;
    const text = JSON.stringify(answer).slice(0, 200);
    this.#events.failed(
      new BenchError({ code: 'LOAD', message: `an answer to a request that is not outstanding: ${text}` }),
    );
  }

  #leave(): void {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    this.#reconnectLater();
  }

  #lost(): void {
    this.#socket = null;
    this.#outbox = [];
    if (this.#isClosed) return;
    this.#events.connectionLost();
    const now = performance.now();
    for (const slot of this.slots) slot.connectionLost(now);
    this.#reconnectLater();
  }

  /** At the next member: this one may be gone. */
  #reconnectLater(): void {
    setTimeout(() => {
      if (this.#isClosed) return;
      this.#urlAt = (this.#urlAt + 1) % this.#urls.length;
      this.#open().then(
        () => {
          this.#isLeaving = false;
          this.#offerSlots();
        },
        (error) => {
          if (!(error instanceof BenchError)) throw error;
          this.#reconnectLater();
        },
      );
    }, reconnectMs);
  }

  #offerSlots(): void {
    const now = performance.now();
    for (const slot of this.slots) {
      if (slot.isIdle) this.#events.idle(slot, now);
      else slot.resume(now);
    }
  }
}
