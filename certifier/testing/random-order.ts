/** Random total orders, in a shape that fast-check can shrink. */
import fc from 'fast-check';
import { hash32 } from '../../gcs/base/index.ts';
import {
  CERTIFICATION_RULES,
  CertificationDatabase,
  type CertificationDatabaseSetup,
  type CertificationResult,
  type CertificationRule,
  Certifier,
  type CertifierState,
  type ItemKind,
  type NewWriterTable,
  packedWriterTable,
  type ReadRange,
  type RowKey,
  type SchemaChangeResult,
  type Transaction,
  type WriteSetItem,
} from '../index.ts';

export type Step =
  | TransactionStep
  | { kind: 'schema-change'; keys: number[]; origin: number; stampMs: number }
  | { kind: 'refused-schema-change'; reason: number }
  /** `age`: how far the asked floor lies back when it is raised; -1: ahead of all. */
  | { kind: 'purge-floor'; age: number }
  /** Takes a number. */
  | { kind: 'rule'; rule: CertificationRule; origin: number; stampMs: number };

export interface TransactionStep {
  readonly kind: 'transaction';
  /** How many sequence numbers the snapshot lies back when the transaction is certified (0: none; cut at 0). */
  readonly age: number;
  /** `later`: by so much its own snapshot is above the transaction's, as far as there is room. */
  readonly items: readonly { readonly key: number; readonly kind: WriteSetItem['kind']; readonly later?: number }[];
  /** Keys that are ends of ranges, ascending, in pairs. */
  readonly rangeEnds?: readonly number[];
  /** Its checks are what it read. */
  readonly isSerializable?: boolean;
  readonly origin: number;
  readonly stampMs: number;
}

/** Half of them are those of plain rows. */
export const itemKind: fc.Arbitrary<ItemKind> = fc.oneof(
  fc.constantFrom<ItemKind[]>('put', 'put', 'delete', 'check'),
  fc.constantFrom<ItemKind[]>('delta', 'delta', 'reference', 'mark', 'delete', 'put'),
);

/** The image of an item of `kind` that has one. */
export function imageOf(kind: ItemKind, image: Uint8Array): Uint8Array | null {
  return kind === 'put' || kind === 'delta' ? image : null;
}

const origin = fc.integer({ min: 0, max: 2 });
const stampMs = fc.integer({ min: 0, max: 20 });

export function stepOf({ keys, age }: { keys: number; age: number }): fc.Arbitrary<Step> {
  const key = fc.integer({ min: 0, max: keys - 1 });
  const later = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: age }));
  const item = fc.record({ key, kind: itemKind, later });
  const end = fc.integer({ min: 0, max: keys });
  const rangeEnds = fc
    .uniqueArray(end, { maxLength: 4 })
    .map((ends) => ends.slice(0, ends.length & ~1).sort((one, other) => one - other));
  const transaction = fc.record({
    kind: fc.constant('transaction' as const),
    age: fc.integer({ min: 0, max: age }),
    items: fc
      .uniqueArray(item, { minLength: 1, maxLength: 4, selector: (one) => one.key })
      .filter((items) => items.some((one) => one.kind !== 'check')),
    rangeEnds: fc.oneof(fc.constant([]), rangeEnds),
    isSerializable: fc.boolean(),
    origin,
    stampMs,
  }) as fc.Arbitrary<Step>;
  const schemaChange = fc.record({
    kind: fc.constant('schema-change' as const),
    keys: fc.uniqueArray(key, { maxLength: 2 }),
    origin,
    stampMs,
  });
  const refused = fc.record({
    kind: fc.constant('refused-schema-change' as const),
    reason: fc.integer({ min: 0, max: 3 }),
  });
  const purgeFloor = fc.record({ kind: fc.constant('purge-floor' as const), age: fc.integer({ min: -1, max: age }) });
  return fc.oneof(
    { weight: 1, arbitrary: purgeFloor },
    { weight: 18, arbitrary: transaction },
    { weight: 1, arbitrary: schemaChange },
    { weight: 1, arbitrary: refused },
  );
}

/** The rule is changed now and then. */
export function orderOfRules(shape: { keys: number; age: number; length: number }): fc.Arbitrary<Step[]> {
  const rule = fc.record({
    kind: fc.constant('rule' as const),
    rule: fc.constantFrom(...CERTIFICATION_RULES),
    origin,
    stampMs,
  }) as fc.Arbitrary<Step>;
  const step = fc.oneof({ weight: 30, arbitrary: stepOf(shape) }, { weight: 1, arbitrary: rule });
  return fc.array(step, { maxLength: shape.length, size: 'max' });
}

export function orderOf(shape: { keys: number; age: number; length: number }): fc.Arbitrary<Step[]> {
  return fc.array(stepOf(shape), { maxLength: shape.length, size: 'max' });
}

export function rowKey(number: number): RowKey {
  return `\0\0\0\x07key ${String(number).padStart(3, '0')}`;
}

export function transactionOf(step: TransactionStep, certifiedUpTo: number): Transaction {
  const { age, rangeEnds = [], isSerializable = false } = step;
  const isCheck = ({ kind }: { readonly kind: WriteSetItem['kind'] }) => kind === 'check';
  const checks = isSerializable ? step.items.filter(isCheck) : [];
  const items = isSerializable ? [...step.items.filter((item) => !isCheck(item)), ...checks] : step.items;
  const snapshotVersion = Math.max(0, certifiedUpTo - age);
  const ranges: ReadRange[] = [];
  for (let at = 0; at < rangeEnds.length; at += 2) {
    ranges.push({ from: rowKey(rangeEnds[at]!), to: rowKey(rangeEnds[at + 1]!) });
  }
  const writeSet = items.map(({ key, kind, later = 0 }) => {
    const own = Math.min(certifiedUpTo, snapshotVersion + later);
    return {
      key: rowKey(key),
      kind,
      image: imageOf(kind, new Uint8Array([key])),
      ...(own > snapshotVersion && { snapshotVersion: own }),
    };
  });
  return {
    snapshotVersion,
    writeSet,
    ...(ranges.length > 0 && { ranges }),
    ...(checks.length > 0 && { reads: checks.length }),
  };
}

export interface Database {
  readonly capacity: number;
  readonly fingerprintBits?: number;
  readonly recentWrites?: CertificationDatabaseSetup['recentWrites'];
  readonly newWriterTable?: NewWriterTable;
}

export function newDatabase({
  capacity,
  fingerprintBits = 32,
  newWriterTable = packedWriterTable,
  recentWrites = { blockWrites: 1 + (capacity % 4), blocksMax: 2 + (fingerprintBits % 5) },
}: Database): CertificationDatabase {
  const fingerprint = (key: RowKey) => hash32(key) >>> (32 - fingerprintBits);
  return new CertificationDatabase({ capacity, newWriterTable, fingerprint, recentWrites });
}

export function newCertifier(
  database: Database,
  restored?: CertifierState,
  rule: CertificationRule = 'read-validation',
): Certifier {
  return new Certifier({ database: newDatabase(database), rule, ...(restored && { restored }) });
}

/** Everything that a step makes of a certifier and must be equal on every member. */
export interface Observed {
  readonly result: CertificationResult | SchemaChangeResult | null;
  readonly sequenceNumber: number;
  readonly purgeFloor: number;
  readonly digest: string;
}

export function run(certifier: Certifier, step: Step): Observed {
  let result: Observed['result'] = null;
  if (step.kind === 'transaction') {
    result = certifier.certify(transactionOf(step, certifier.sequenceNumber), step.origin, step.stampMs);
  } else if (step.kind === 'schema-change') {
    result = certifier.certifySchemaChange(step.keys.map(rowKey), step.origin, step.stampMs);
  } else if (step.kind === 'rule') {
    result = certifier.certifySchemaChange([], step.origin, step.stampMs);
    certifier.changeRule(step.rule);
  } else if (step.kind === 'purge-floor') {
    certifier.raisePurgeFloor(Math.max(0, certifier.sequenceNumber - step.age));
  } else certifier.refuseSchemaChange(step.reason);
  const { sequenceNumber, purgeFloor, digest } = certifier;
  return { result, sequenceNumber, purgeFloor, digest };
}
