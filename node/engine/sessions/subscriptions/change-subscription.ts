/**
 * The stream `changes`: one event for each sequence number, in order, none missing; with `table` those that concern it,
 * and now and then how far the others went.
 */
import { formatCommitTime } from '../../../../certifier/index.ts';
import { assert, type SequenceNumber } from '../../../../gcs/base/index.ts';
import { variableOf } from '../../member/variable-effect.ts';
import type { Publication } from '../../replica.ts';
import type { EngineContext } from '../session.ts';
import { shownSchemaChange } from './schema-event.ts';
import type { Advance, Outlet, Subscription } from './subscription.ts';

/** Taken in one turn, so that others are served in between. */
const PUBLICATIONS_AT_ONCE = 256;
/** Of row images: sent in one turn, one event at least. */
const BYTES_AT_ONCE = 128 * 1024;

export class ChangeSubscription implements Subscription {
  readonly name: string;
  readonly stream = 'changes';
  readonly #engine: EngineContext;
  readonly #outlet: Outlet;
  readonly #table: string | null;
  #position: SequenceNumber;
  /** The client knows that it has everything up to here, as of then. */
  #toldUpTo: SequenceNumber;
  #toldMs: number;
  #isWakeUpSet = false;

  constructor(setup: {
    name: string;
    engine: EngineContext;
    outlet: Outlet;
    table: string | null;
    from: SequenceNumber;
  }) {
    this.name = setup.name;
    this.#engine = setup.engine;
    this.#outlet = setup.outlet;
    this.#table = setup.table;
    this.#position = setup.from;
    this.#toldUpTo = setup.from;
    this.#toldMs = setup.engine.clock.monotonicMs();
  }

  get position(): SequenceNumber {
    return this.#position;
  }

  advance(): Advance {
    const { replica } = this.#engine;
    if (replica.state !== 'ONLINE') return { mustEnd: 'notOnline' };
    if (this.#position < replica.heldFrom) return { mustEnd: 'tooSlow' };
    if (this.#position < replica.appliedUpTo) {
      if (!this.#outlet.hasRoom()) return 'no-room';
      this.#take(replica.publications(this.#position, PUBLICATIONS_AT_ONCE));
    }
    this.#tellProgress();
    return this.#position < replica.appliedUpTo ? 'more' : 'up-to-date';
  }

  #take(publications: readonly Publication[]): void {
    let bytes = 0;
    for (const publication of publications) {
      const { sequenceNumber } = publication;
      assert(sequenceNumber === this.#position + 1, 'a stream of changes has no gaps');
      this.#position = sequenceNumber;
      bytes += this.#tell(publication);
      if (bytes >= BYTES_AT_ONCE) return;
    }
  }

  /** Returns the bytes that it looked at. */
  #tell(publication: Publication): number {
    const table = this.#table;
    if (publication.schema !== null) {
      const variable = variableOf(publication.schema, this.#engine.imageCodec);
      if (variable !== null) {
        if (table === null) this.#send('variableChange', publication, variable);
        return 0;
      }
      const shown = shownSchemaChange(publication.schema, this.#engine.imageCodec);
      const concerns = table === null || shown.table === table || shown.definition?.table === table;
      if (concerns) this.#send('schemaChange', publication, shown);
      return 0;
    }
    const { changeRows } = this.#engine;
    if (table !== null && !changeRows.concerns(publication, table)) return 0;
    const { rows, bytes } = changeRows.changeOf(publication);
    const shown = table === null ? rows : rows.filter((row) => row.table === table);
    this.#send('change', publication, { rows: shown }, bytes);
    return bytes;
  }

  #send(event: string, publication: Publication, facts: object, bytes = 0): void {
    const { sequenceNumber, commitTime, origin } = publication;
    const { replica } = this.#engine;
    const message = {
      event,
      subscription: this.name,
      sequenceNumber,
      gtid: `${replica.groupId}:${sequenceNumber}`,
      commitTime: formatCommitTime(commitTime),
      member: replica.memberIdOf(origin),
      ...facts,
    };
    this.#outlet.send(message, bytes);
    this.#told();
  }

  /** So that the place to go on from moves, though nothing concerns the client. */
  #tellProgress(): void {
    if (this.#toldUpTo === this.#position) return;
    const { clock, limits, deadlines, feed } = this.#engine;
    const dueMs = this.#toldMs + limits.progressMs;
    if (clock.monotonicMs() >= dueMs) {
      const upTo = this.#position;
      this.#outlet.send({ event: 'progress', subscription: this.name, sequenceNumber: upTo, upTo });
      this.#told();
    } else if (!this.#isWakeUpSet) {
      this.#isWakeUpSet = true;
      deadlines.add(dueMs, () => {
        this.#isWakeUpSet = false;
        feed.wake();
      });
    }
  }

  #told(): void {
    this.#toldUpTo = this.#position;
    this.#toldMs = this.#engine.clock.monotonicMs();
  }
}
