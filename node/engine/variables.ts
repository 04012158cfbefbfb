/**
 * Options of the whole group that are changed in its total order while it runs: each is a row beside the catalog, so that
 * restart and state transfer have it as they have any row. They are effective from the place of the change on.
 */
import { certificationItemsMax } from '../../certifier/index.ts';
import { CERTIFICATION_RULES, type CertificationRule } from '../../certifier/types.ts';
import { assert, type SequenceNumber } from '../../gcs/base/index.ts';

/** One that a group has. */
export interface VariableDefinition {
  readonly name: string;
  /** All that it may be, of which the first is what it is where nobody has changed it; or whole numbers of a range. */
  readonly allowed: readonly string[] | { readonly least: number; readonly most: number };
  /** The group changes it itself, nobody else. */
  readonly isTuned?: true;
  readonly description: string;
}

/** As `variables` answers. */
export interface VariableRow {
  readonly name: string;
  readonly value: string;
  readonly default: string;
  readonly allowed: readonly string[];
  readonly scope: 'group';
  /** Of the change that it comes from; 0: it was never changed, or before this member knows. */
  readonly since: SequenceNumber;
  readonly description: string;
}

/** Values by name that hold where nobody has changed them: options of the group's formation. */
export type VariableDefaults = Readonly<Record<string, string | number>>;

export const CERTIFICATION_RULE = 'certification_rule';
/** Items of the certification database. */
export const CERTIFICATION_CAPACITY = 'certification_capacity';
/** What it is at present: tuned to the load, within a bound of memory, until the option is set anew. */
export const CERTIFICATION_CAPACITY_TUNED = 'certification_capacity_tuned';

/** By name. */
export const VARIABLES: readonly VariableDefinition[] = [
  {
    name: CERTIFICATION_CAPACITY,
    allowed: { least: 1, most: certificationItemsMax },
    description:
      'Rows that the certification database remembers, from which on it tunes itself: fewer cost memory less, more let long transactions live longer.',
  },
  {
    name: CERTIFICATION_CAPACITY_TUNED,
    allowed: { least: 1, most: certificationItemsMax },
    isTuned: true,
    description:
      'Rows that it remembers at present: more while it is about to forget what running transactions need, fewer where it takes more memory than the leader allows (--certification-memory-mib).',
  },
  {
    name: CERTIFICATION_RULE,
    allowed: CERTIFICATION_RULES,
    description:
      'How SERIALIZABLE transactions are judged: nothing that they read was written since (read-validation), or there is a serial order (serial-safety-net; fewer are refused, those that only read are ordered, too).',
  },
];

/** What the group's order has made of them. Replicated state. */
export class Variables {
  readonly #defaults: VariableDefaults;
  readonly #values = new Map<string, { readonly value: string; readonly since: SequenceNumber }>();

  constructor(defaults: VariableDefaults) {
    this.#defaults = defaults;
  }

  get certificationRule(): CertificationRule {
    return this.#valueOf(CERTIFICATION_RULE) as CertificationRule;
  }

  /** As it was set, or of the formation. */
  get certificationCapacity(): number {
    return Number(this.#valueOf(CERTIFICATION_CAPACITY));
  }

  /** What counts at present. */
  get tunedCapacity(): number {
    return tunedCapacity(this.certificationCapacity, this.#values.get(CERTIFICATION_CAPACITY_TUNED)?.value);
  }

  /** Whether `value` is something else than it is, and may be. Changes nothing. */
  isChange(name: string, value: string): boolean {
    const definition = definitionOf(name);
    if (definition === undefined) return false;
    if (definition.isTuned === true) {
      const { tuned, base } = tunedParts(value);
      const isInRange = isAllowed(definition, tuned) && isAllowed(definition, base);
      return isInRange && this.#values.get(name)?.value !== value;
    }
    return isAllowed(definition, value) && this.#valueOf(name) !== value;
  }

  set(name: string, value: string, since: SequenceNumber): void {
    this.#values.set(name, { value, since });
  }

  rows(): readonly VariableRow[] {
    return VARIABLES.map(({ name, allowed, description }) => ({
      name,
      value: name === CERTIFICATION_CAPACITY_TUNED ? String(this.tunedCapacity) : this.#valueOf(name),
      default: name === CERTIFICATION_CAPACITY_TUNED ? this.#valueOf(CERTIFICATION_CAPACITY) : this.#defaultOf(name),
      allowed: allowedTexts(allowed),
      scope: 'group',
      since: this.#values.get(name)?.since ?? 0,
      description,
    }));
  }

  #valueOf(name: string): string {
    return this.#values.get(name)?.value ?? this.#defaultOf(name);
  }

  #defaultOf(name: string): string {
    const { allowed } = definitionOf(name)!;
    const given = this.#defaults[name];
    if (given !== undefined) return String(given);
    assert(!('least' in allowed), 'a range has a default of the formation');
    return allowed[0]!;
  }
}

export function definitionOf(name: string): VariableDefinition | undefined {
  return VARIABLES.find((each) => each.name === name);
}

export function isAllowed({ allowed }: VariableDefinition, value: string): boolean {
  if ('least' in allowed) return /^[1-9]\d{0,15}$/.test(value) && +value >= allowed.least && +value <= allowed.most;
  return allowed.includes(value);
}

export function allowedTexts(allowed: VariableDefinition['allowed']): readonly string[] {
  return 'least' in allowed ? [`${allowed.least} to ${allowed.most}`] : allowed;
}

/** The value of the tuned variable: it holds as long as the option is what it was tuned from. */
export function tunedValue(tuned: number, base: number): string {
  return `${tuned} of ${base}`;
}

/** What counts, by the option and the value of the tuned variable. */
export function tunedCapacity(base: number, value: string | undefined): number {
  const { tuned, base: of } = tunedParts(value ?? '');
  return Number(of) === base ? Number(tuned) : base;
}

function tunedParts(value: string): { readonly tuned: string; readonly base: string } {
  const [tuned = '', base = ''] = value.split(' of ');
  return { tuned, base };
}
