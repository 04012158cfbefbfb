/** What the requests, transactions and subscriptions of one client share. */
import { type Ending, Endings } from './endings.ts';
import type { Environment, ScheduledCall } from './environment.ts';
import type { Member } from './member.ts';
import { Pool } from './pool.ts';
import type { Settings } from './settings.ts';

/** The highest sequence number acknowledged to a client, by whichever member. */
export interface Acknowledged {
  upTo: number;
}

export class Context {
  readonly environment: Environment;
  readonly settings: Settings;
  readonly pool: Pool;
  /** Bound to one member: what it refuses is not asked of another. */
  readonly isBound: boolean;
  readonly acknowledged: Acknowledged;
  /** Of what goes on until it is done or the client closes. */
  readonly endings = new Endings();
  #isClosing = false;
  #active = 0;
  #becameIdle: () => void = () => {};

  constructor(setup: {
    urls: readonly string[];
    environment: Environment;
    settings: Settings;
    isBound: boolean;
    acknowledged: Acknowledged;
  }) {
    this.environment = setup.environment;
    this.settings = setup.settings;
    this.isBound = setup.isBound;
    this.acknowledged = setup.acknowledged;
    this.pool = new Pool(setup);
  }

  /** Takes no more requests. */
  get isClosing(): boolean {
    return this.#isClosing;
  }

  /** A request or transaction has begun; it says when it has ended. */
  began(): void {
    this.#active++;
  }

  ended(): void {
    this.#active--;
    if (this.#active === 0) this.#becameIdle();
  }

  /** `member` has acknowledged a commit, or shown that this sequence number is visible there. */
  saw(member: Member, sequenceNumber: number): void {
    if (sequenceNumber > member.seenUpTo) member.seenUpTo = sequenceNumber;
  }

  committed(member: Member, sequenceNumber: unknown): void {
    if (typeof sequenceNumber !== 'number') return;
    this.saw(member, sequenceNumber);
    if (sequenceNumber > this.acknowledged.upTo) this.acknowledged.upTo = sequenceNumber;
  }

  /** Runs `over` after `delayMs`, or `closed` when the client closes before. */
  pause(delayMs: number, over: () => void, closed: () => void): ScheduledCall {
    const call = this.environment.clock.schedule(delayMs, () => {
      this.endings.remove(ending);
      over();
    });
    const cancel = () => {
      call.cancel();
      this.endings.remove(ending);
    };
    const ending: Ending = {
      place: -1,
      clientClosed() {
        call.cancel();
        closed();
      },
    };
    this.endings.add(ending);
    return { cancel };
  }

  /** Lets what is active finish for up to `timeoutMs`, then ends it. */
  close(timeoutMs: number): Promise<void> {
    this.#isClosing = true;
    return new Promise((resolve) => {
      const finish = () => {
        this.#becameIdle = () => {};
        timer?.cancel();
        this.endings.closeAll();
        this.pool.close();
        resolve();
      };
      let timer: ScheduledCall | null = null;
      if (this.#active === 0 || timeoutMs === 0) return finish();
      timer = this.environment.clock.schedule(timeoutMs, finish);
      this.#becameIdle = finish;
    });
  }
}
