/** Random total orders, in a shape that fast-check can shrink. */
import fc from 'fast-check';
import { hash32 } from '../../gcs/base/index.ts';
import { lruRecencyCache } from '../cache/index.ts';
import {
  CertificationDatabase,
  type CertificationResult,
  Certifier,
  type CertifierState,
  type NewRecencyCache,
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
  | { kind: 'purge-floor'; age: number };

export interface TransactionStep {
  readonly kind: 'transaction';
  /** How many sequence numbers the snapshot lies back when the transaction is certified (0: none; cut at 0). */
  readonly age: number;
  readonly items: readonly { readonly key: number; readonly kind: WriteSetItem['kind'] }[];
  readonly origin: number;
  readonly stampMs: number;
}

const origin = fc.integer({ min: 0, max: 2 });
const stampMs = fc.integer({ min: 0, max: 20 });

export function stepOf({ keys, age }: { keys: number; age: number }): fc.Arbitrary<Step> {
  const key = fc.integer({ min: 0, max: keys - 1 });
  const item = fc.record({ key, kind: fc.constantFrom('put', 'put', 'delete', 'check') });
  const transaction = fc.record({
    kind: fc.constant('transaction' as const),
    age: fc.integer({ min: 0, max: age }),
    items: fc
      .uniqueArray(item, { minLength: 1, maxLength: 4, selector: (one) => one.key })
      .filter((items) => items.some((one) => one.kind !== 'check')),
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

export function orderOf(shape: { keys: number; age: number; length: number }): fc.Arbitrary<Step[]> {
  return fc.array(stepOf(shape), { maxLength: shape.length, size: 'max' });
}

export function rowKey(number: number): RowKey {
  return `\0\0\0\x07key ${number}`;
}

export function transactionOf({ age, items }: TransactionStep, certifiedUpTo: number): Transaction {
  return {
    snapshotVersion: Math.max(0, certifiedUpTo - age),
    writeSet: items.map(({ key, kind }) => ({
      key: rowKey(key),
      kind,
      image: kind === 'put' ? new Uint8Array([key]) : null,
    })),
  };
}

export interface Database {
  readonly capacity: number;
  readonly fingerprintBits?: number;
  readonly newCache?: NewRecencyCache;
}

export function newDatabase({
  capacity,
  fingerprintBits = 32,
  newCache = lruRecencyCache,
}: Database): CertificationDatabase {
  const fingerprint = (key: RowKey) => hash32(key) >>> (32 - fingerprintBits);
  return new CertificationDatabase({ capacity, newCache, fingerprint });
}

export function newCertifier(database: Database, restored?: CertifierState): Certifier {
  return new Certifier({ database: newDatabase(database), ...(restored && { restored }) });
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
  } else if (step.kind === 'purge-floor') {
    certifier.raisePurgeFloor(Math.max(0, certifier.sequenceNumber - step.age));
  } else certifier.refuseSchemaChange(step.reason);
  const { sequenceNumber, purgeFloor, digest } = certifier;
  return { result, sequenceNumber, purgeFloor, digest };
}
