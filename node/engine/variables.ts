/**
 * Options of the whole group that are changed in its total order while it runs: each is a row beside the catalog, so that
 * restart and state transfer have it as they have any row. They are effective from the place of the change on.
 */
import { CERTIFICATION_RULES, type CertificationRule } from '../../certifier/types.ts';
import type { SequenceNumber } from '../../gcs/base/index.ts';

/** One that a group can change. */
export interface VariableDefinition {
  readonly name: string;
  /** All that it may be; the first is what it is where nobody has changed it. */
  readonly values: readonly string[];
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

export const CERTIFICATION_RULE = 'certification_rule';

/** By name. */
export const VARIABLES: readonly VariableDefinition[] = [
  {
    name: CERTIFICATION_RULE,
    values: CERTIFICATION_RULES,
    description:
      'How SERIALIZABLE transactions are judged: nothing that they read was written since (read-validation), or there is a serial order (serial-safety-net; fewer are refused, those that only read are ordered, too).',
  },
];

/** What the group's order has made of them. Replicated state. */
export class Variables {
  readonly #values = new Map<string, { readonly value: string; readonly since: SequenceNumber }>();

  get certificationRule(): CertificationRule {
    return this.#valueOf(definitionOf(CERTIFICATION_RULE)!) as CertificationRule;
  }

  /** Whether `value` is something else than it is, and may be. Changes nothing. */
  isChange(name: string, value: string): boolean {
    const definition = definitionOf(name);
    return definition?.values.includes(value) === true && this.#valueOf(definition) !== value;
  }

  set(name: string, value: string, since: SequenceNumber): void {
    this.#values.set(name, { value, since });
  }

  rows(): readonly VariableRow[] {
    return VARIABLES.map((definition) => ({
      name: definition.name,
      value: this.#valueOf(definition),
      default: definition.values[0]!,
      allowed: definition.values,
      scope: 'group',
      since: this.#values.get(definition.name)?.since ?? 0,
      description: definition.description,
    }));
  }

  #valueOf({ name, values }: VariableDefinition): string {
    return this.#values.get(name)?.value ?? values[0]!;
  }
}

export function definitionOf(name: string): VariableDefinition | undefined {
  return VARIABLES.find((each) => each.name === name);
}
