/**
 * One direction of one proxied connection. What is read from the source is passed on in order: at once while the flow is
 * free, else when it is due. Nothing is read while the flow is cut, while the sink is full or while enough is held: so the
 * sender waits as it would for a network. Ends and resets travel like bytes: a cut keeps them back.
 */
import type { Socket } from 'node:net';
import type { Flow, FlowCondition } from './flow.ts';
import { resetSocket } from './reset-socket.ts';

type Passed = Uint8Array | 'end' | 'reset';

export class Pipe {
  readonly #source: Socket;
  readonly #sink: Socket;
  readonly #flow: Flow;
  /** By which what is held has its times. */
  #condition: FlowCondition;
  #held: { readonly what: Passed; readonly dueMs: number }[] = [];
  #heldBytes = 0;
  #lastDueMs = 0;
  /** When the narrow pass has let through what is held. */
  #passFreeMs = 0;
  #timer: NodeJS.Timeout | null = null;
  #isSinkFull = false;
  #hasEnded = false;
  #isOver = false;

  constructor(source: Socket, sink: Socket, flow: Flow) {
    this.#source = source;
    this.#sink = sink;
    this.#flow = flow;
    this.#condition = flow.condition;
    source.on('data', (chunk: Buffer) => this.#take(chunk));
    source.on('end', () => {
      this.#hasEnded = true;
      this.#take('end');
    });
    source.on('close', () => {
      // A clean close has ended both ways.
      if (!this.#hasEnded || !source.writableFinished) this.#take('reset');
    });
    sink.on('drain', () => {
      this.#isSinkFull = false;
      this.#goOn();
    });
    sink.on('close', () => {
      this.#isOver = true;
      if (this.#timer !== null) clearTimeout(this.#timer);
      this.#held = [];
      source.pause();
    });
    this.#goOn();
  }

  /** What is under way goes on under the new condition: a long delay that is lifted is over. */
  conditionChanged(): void {
    if (this.#isOver || this.#condition === this.#flow.condition) return;
    this.#condition = this.#flow.condition;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const held = this.#held;
    this.#held = [];
    this.#heldBytes = 0;
    this.#lastDueMs = 0;
    this.#passFreeMs = 0;
    for (const { what } of held) this.#take(what);
    this.#goOn();
  }

  #goOn(): void {
    if (this.#isOver) return;
    this.#release();
    this.#readOrWait();
  }

  #take(what: Passed): void {
    if (this.#isOver) return;
    if (this.#held.length === 0 && this.#flow.isFree && !this.#isSinkFull) {
      this.#pass(what);
    } else if (typeof what === 'string') {
      this.#hold(what, 0);
    } else {
      const { pieceBytesMax } = this.#flow;
      for (let at = 0; at < what.length; at += pieceBytesMax) {
        const piece = what.subarray(at, at + pieceBytesMax);
        this.#hold(piece, piece.length);
      }
    }
    this.#readOrWait();
  }

  #hold(what: Passed, bytes: number): void {
    const { bytesPerSecond } = this.#flow.condition;
    const now = performance.now();
    const passMs = bytesPerSecond === null ? 0 : (bytes / bytesPerSecond) * 1000;
    this.#passFreeMs = Math.max(now, this.#passFreeMs) + passMs;
    const dueMs = Math.max(this.#lastDueMs, (passMs === 0 ? now : this.#passFreeMs) + this.#flow.drawDelayMs());
    this.#lastDueMs = dueMs;
    this.#held.push({ what, dueMs });
    this.#heldBytes += bytes;
    if (this.#timer === null && !this.#isSinkFull) this.#wake(dueMs - now);
  }

  #wake(afterMs: number): void {
    this.#timer = setTimeout(
      () => {
        this.#timer = null;
        this.#goOn();
      },
      Math.max(1, Math.ceil(afterMs)),
    );
  }

  /** Passes on what is due. */
  #release(): void {
    if (this.#flow.condition.cut !== 'no') return;
    const now = performance.now();
    let count = 0;
    for (const { what, dueMs } of this.#held) {
      if (dueMs > now || this.#isSinkFull) break;
      count++;
      this.#pass(what);
      if (typeof what !== 'string') this.#heldBytes -= what.length;
    }
    if (count > 0) this.#held.splice(0, count);
    const next = this.#held[0];
    // A full sink wakes it, too.
    if (next !== undefined && this.#timer === null && !this.#isSinkFull) this.#wake(next.dueMs - now);
  }

  #pass(what: Passed): void {
    if (what === 'end') this.#sink.end();
    else if (what === 'reset') resetSocket(this.#sink);
    else {
      this.#flow.bytes += what.length;
      this.#isSinkFull = !this.#sink.write(what);
    }
  }

  #readOrWait(): void {
    const waits =
      this.#isOver ||
      this.#isSinkFull ||
      this.#flow.condition.cut !== 'no' ||
      this.#heldBytes >= this.#flow.heldBytesMax;
    if (waits) this.#source.pause();
    else if (this.#source.isPaused()) this.#source.resume();
  }
}
