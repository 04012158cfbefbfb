/** Tables with a numeric key `id`, one version a row, and the sequence number of its last writer. */

export type Row = { readonly id: number } & Record<string, unknown>;

export interface Statement {
  readonly op: string;
  readonly table: string;
  readonly key?: number;
  readonly keys?: readonly number[];
  readonly row?: Row;
  readonly set?: object;
  readonly if?: Readonly<Record<string, unknown>>;
  readonly expect?: { readonly matched: number };
  readonly gt?: number;
  readonly limit?: number;
}

/** An error answer. */
export class Refusal extends Error {
  readonly facts: { readonly code: string; readonly message: string; readonly retry: string };

  constructor(facts: Refusal['facts'] & Record<string, unknown>) {
    super(facts.message);
    this.facts = facts;
  }
}

export class FakeTables {
  sequenceNumber = 0;
  readonly #certifiesNothing: boolean;
  readonly #tables = new Map<string, Map<number, Row>>();
  readonly #writers = new Map<string, { readonly sequenceNumber: number; readonly member: string }>();

  constructor(certifiesNothing: boolean) {
    this.#certifiesNothing = certifiesNothing;
  }

  rowsOf(table: string): Map<number, Row> {
    let rows = this.#tables.get(table);
    if (rows === undefined) {
      rows = new Map();
      this.#tables.set(table, rows);
    }
    return rows;
  }

  clear(table: string): void {
    this.sequenceNumber++;
    this.rowsOf(table).clear();
  }

  isWrite({ op }: Statement): boolean {
    return op === 'insert' || op === 'put' || op === 'update';
  }

  /** @throws Refusal */
  read({ op, table, key, keys, gt, limit }: Statement): unknown {
    const rows = this.rowsOf(table);
    if (op === 'get') return rows.get(key!) ?? null;
    if (op === 'getMany') return keys!.map((one) => rows.get(one) ?? null);
    if (op !== 'scan') throw new Refusal({ code: 'UNKNOWN_OPERATION', message: op, retry: 'no' });
    const after = [...rows.keys()].sort((a, b) => a - b).filter((id) => gt === undefined || id > gt);
    return { rows: after.slice(0, limit).map((id) => rows.get(id)!) };
  }

  /** Which member wrote one of these rows since; null: none. */
  winnerSince(writes: readonly Statement[], snapshot: number): string | null {
    if (this.#certifiesNothing) return null;
    for (const write of writes) {
      const writer = this.#writers.get(nameOf(write));
      if (writer !== undefined && writer.sequenceNumber > snapshot) return writer.member;
    }
    return null;
  }

  conflict(winner: string): Refusal {
    return new Refusal({
      code: 'CERTIFICATION_CONFLICT',
      message: `lost to ${winner}`,
      retry: 'transaction',
      winner: { member: winner },
    });
  }

  /** All or nothing. @throws Refusal */
  commit(writes: readonly Statement[], member: string): readonly { readonly matched?: number }[] {
    for (const [step, { op, table, key, if: condition, expect }] of writes.entries()) {
      const row = op === 'update' ? this.rowsOf(table).get(key!) : undefined;
      const isAsExpected = Object.entries(condition ?? {}).every(([column, value]) => row?.[column] === value);
      if (expect?.matched === 1 && !isAsExpected) {
        throw new Refusal({ code: 'EXPECTATION_FAILED', message: `step ${step}`, retry: 'no' });
      }
    }
    this.sequenceNumber++;
    return writes.map((write) => {
      const { op, table, key, row, set } = write;
      const rows = this.rowsOf(table);
      this.#writers.set(nameOf(write), { sequenceNumber: this.sequenceNumber, member });
      if (op !== 'update') rows.set(row!.id, row!);
      else if (rows.has(key!)) rows.set(key!, { ...rows.get(key!)!, ...set });
      else return { matched: 0 };
      return { matched: 1 };
    });
  }
}

function nameOf({ table, key, row }: Statement): string {
  return `${table} ${key ?? row?.id}`;
}
