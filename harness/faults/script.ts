/** Timed steps, as data. */
import type { Fault, Place } from './fault.ts';

export type Step =
  | {
      readonly atMs: number;
      readonly fault: Fault;
      /** For a later `heal`; absent: its kind. */
      readonly name?: string;
      /** Healed after so long; absent: by a later step, or at the end. */
      readonly forMs?: number;
    }
  /** The newest fault of this name that is not healed, or all. */
  | { readonly atMs: number; readonly heal: string }
  /** An operation of the WebSocket API at one member: leave, join, setVariable and the like. */
  | {
      readonly atMs: number;
      readonly request: {
        readonly member: Place;
        readonly op: string;
        readonly arguments?: Readonly<Record<string, unknown>>;
      };
    };

export type Script = readonly Step[];

/** What is wrong with a script: where, and what. */
class ScriptError extends Error {
  override readonly name = 'ScriptError';
  readonly code = 'SCRIPT';
  /** As in `[2].fault.members`. */
  readonly where: string;

  constructor(where: string, problem: string) {
    super(`${where === '' ? 'the script' : where}: ${problem}`);
    this.where = where;
  }
}

/** @throws ScriptError if it does not fit */
type Check = (value: unknown, where: string) => void;

const fails = (where: string, wanted: string, value: unknown): never => {
  throw new ScriptError(where, `${wanted}, not ${JSON.stringify(value) ?? 'nothing'}`);
};

const matches =
  (wanted: string, fits: (value: unknown) => boolean): Check =>
  (value, where) => {
    if (!fits(value)) fails(where, wanted, value);
  };
const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);
const milliseconds = matches('milliseconds, 0 or more', (value) => isNumber(value) && value >= 0);
const positive = matches('more than 0', (value) => isNumber(value) && value > 0);
const count = matches('a whole number from 1', (value) => Number.isInteger(value) && (value as number) >= 1);
const text = matches('a text', (value) => typeof value === 'string');
const object = matches('an object', (value) => typeof value === 'object' && value !== null && !Array.isArray(value));
const oneOf = (...values: readonly string[]) =>
  matches(`one of ${values.join(', ')}`, (value) => values.includes(value as string));
const listOf =
  (check: Check): Check =>
  (value, where) => {
    if (!Array.isArray(value)) return fails(where, 'a list', value);
    for (const [i, each] of value.entries()) check(each, `${where}[${i}]`);
  };
const either =
  (wanted: string, ...checks: readonly Check[]): Check =>
  (value, where) => {
    const fits = checks.some((check) => {
      try {
        check(value, where);
        return true;
      } catch {
        return false;
      }
    });
    if (!fits) fails(where, wanted, value);
  };

interface Fields {
  readonly [name: string]: Check;
}

/** `fields` of which those in `optional` may be missing, and no others. */
const record =
  (fields: Fields, optional: Fields = {}): Check =>
  (value, where) => {
    object(value, where);
    const all: Fields = { ...fields, ...optional };
    const given = value as Readonly<Record<string, unknown>>;
    for (const name of Object.keys(given)) {
      if (!Object.hasOwn(all, name)) {
        throw new ScriptError(where, `has no field ${name}; its fields are ${Object.keys(all).join(', ')}`);
      }
    }
    for (const [name, check] of Object.entries(all)) {
      if (given[name] === undefined && Object.hasOwn(optional, name)) continue;
      if (given[name] === undefined) throw new ScriptError(where, `${name} is missing`);
      check(given[name], `${where}.${name}`);
    }
  };

/** The record that the field `tag` names. */
const tagged =
  (tag: string, kinds: Readonly<Record<string, (asked: Check) => Check>>): Check =>
  (value, where) => {
    object(value, where);
    const kind = (value as Readonly<Record<string, unknown>>)[tag];
    oneOf(...Object.keys(kinds))(kind, `${where}.${tag}`);
    kinds[kind as string]!(text)(value, where);
  };

const place = either(
  'a place from 0, leader or follower',
  matches('', (value) => Number.isInteger(value) && (value as number) >= 0),
  oneOf('leader', 'follower'),
);
const places = either('a place, a list of places, all or followers', place, oneOf('all', 'followers'), listOf(place));
const nodes = either('places or clients', places, oneOf('clients'));
const flows = either(
  'members, clients, all, or {from, to}',
  oneOf('members', 'clients', 'all'),
  record({ from: nodes, to: nodes }),
);
const how = oneOf('silent', 'reset');
const operation = oneOf('read', 'write', 'grow', 'sync');

const shape = tagged('name', {
  isolated: (name) => record({ name, member: place }),
  apart: (name) => record({ name }),
  halves: (name) => record({ name }),
  groups: (name) => record({ name, groups: listOf(listOf(place)) }),
  bridge: (name) => record({ name, member: place }),
  ring: (name) => record({ name }),
  oneWay: (name) => record({ name, from: place, to: place }),
  deaf: (name) => record({ name, member: place }),
  mute: (name) => record({ name, member: place }),
  clients: (name) => record({ name, members: listOf(place) }),
});

const faultKinds: Readonly<Record<Fault['kind'], (kind: Check) => Check>> = {
  kill: (kind) => record({ kind, members: places }),
  stop: (kind) => record({ kind, members: places }),
  pause: (kind) => record({ kind, members: places }),
  powerCut: (kind) => record({ kind, members: places }),
  cut: (kind) => record({ kind, shape }, { how }),
  flapping: (kind) => record({ kind, shape, cutMs: positive, wholeMs: positive }, { how }),
  reset: (kind) => record({ kind, flows }),
  delay: (kind) => record({ kind, flows, ms: milliseconds }, { jitterMs: milliseconds }),
  narrow: (kind) => record({ kind, flows, bytesPerSecond: positive }),
  slowDisk: (kind) =>
    record(
      { kind, members: places, ms: milliseconds },
      { jitterMs: milliseconds, operations: listOf(operation), path: text },
    ),
  failingDisk: (kind) =>
    record(
      { kind, members: places, operation: oneOf('read', 'write', 'sync') },
      { nth: count, times: count, path: text },
    ),
  fullDisk: (kind) => record({ kind, members: places }),
  hangingDisk: (kind) => record({ kind, members: places }),
};

const fault = tagged('kind', faultKinds);
const request = record({ member: place, op: text }, { arguments: object });

const step: Check = (value, where) => {
  object(value, where);
  const [kind, ...more] = ['fault', 'heal', 'request'].filter((name) => name in (value as object));
  if (kind === undefined || more.length > 0) throw new ScriptError(where, 'a step has one of fault, heal, request');
  if (kind === 'fault') record({ atMs: milliseconds, fault }, { name: text, forMs: milliseconds })(value, where);
  else if (kind === 'heal') record({ atMs: milliseconds, heal: text })(value, where);
  else record({ atMs: milliseconds, request })(value, where);
};

/** A list of steps, as JSON. @throws ScriptError */
export function parseScript(json: string): Script {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new ScriptError('', `is no JSON: ${(error as Error).message}`);
  }
  listOf(step)(value, '');
  return value as Script;
}
