/** `where` and `if`: conditions on columns, all of which must hold. Compared in the order of values: null first. */
import { invalidArgument } from '../errors.ts';
import type { Row } from '../image-codec.ts';
import type { Table } from '../table.ts';
import type { ColumnType } from '../table-definition.ts';
import { compareValues, isPlainObject } from '../values.ts';

const OPERATORS = ['eq', 'ne', 'lt', 'lte', 'gt', 'gte', 'in'] as const;
type Operator = (typeof OPERATORS)[number];

/** Values of one `in`: each row is compared with each. */
const IN_VALUES_MAX = 1000;

interface Condition {
  readonly column: string;
  readonly type: ColumnType | null;
  readonly operator: Operator;
  /** Canonical; several for `in`, one for the others. */
  readonly operands: readonly unknown[];
}

export type Predicate = readonly Condition[];

/** A column's condition is a value, or an object of operators; an object as value is compared by `{eq: …}`. */
export function predicateOf(table: Table, where: unknown): Predicate | null {
  if (where === undefined || where === null) return null;
  if (!isPlainObject(where)) throw invalidArgument('where', 'expected an object of conditions by column');
  const conditions: Condition[] = [];
  for (const column of Object.keys(where)) {
    const condition = where[column];
    const type = table.column(column)?.type ?? null;
    if (!isPlainObject(condition)) {
      conditions.push({ column, type, operator: 'eq', operands: [table.canonical(column, condition)] });
      continue;
    }
    const operators = Object.keys(condition);
    if (operators.length === 0) throw invalidArgument('where', `no operator for column ${JSON.stringify(column)}`);
    for (const operator of operators) {
      if (!isOperator(operator)) {
        const problem = `unknown operator ${JSON.stringify(operator)} for column ${JSON.stringify(column)}; known are ${OPERATORS.join(', ')}`;
        throw invalidArgument('where', problem);
      }
      conditions.push({ column, type, operator, operands: operandsOf(table, column, operator, condition[operator]) });
    }
  }
  return conditions;
}

/** `{column: value}`, each to be equal. */
export function equalitiesOf(table: Table, argument: string, equalities: unknown): Predicate | null {
  if (equalities === undefined || equalities === null) return null;
  if (!isPlainObject(equalities)) throw invalidArgument(argument, 'expected an object of values by column');
  return Object.keys(equalities).map((column) => ({
    column,
    type: table.column(column)?.type ?? null,
    operator: 'eq',
    operands: [table.canonical(column, equalities[column])],
  }));
}

/** An absent column of a free-form row is null. */
export function matches(row: Row, predicate: Predicate | null): boolean {
  if (predicate === null) return true;
  for (const condition of predicate) {
    const { column, type, operands } = condition;
    const value = Object.hasOwn(row, column) ? row[column] : null;
    if (condition.operator === 'in') {
      if (!operands.some((operand) => compareValues(value, operand, type) === 0)) return false;
    } else if (!holds(condition.operator, compareValues(value, operands[0], type))) return false;
  }
  return true;
}

function holds(operator: Exclude<Operator, 'in'>, comparison: number): boolean {
  switch (operator) {
    case 'eq':
      return comparison === 0;
    case 'ne':
      return comparison !== 0;
    case 'lt':
      return comparison < 0;
    case 'lte':
      return comparison <= 0;
    case 'gt':
      return comparison > 0;
    case 'gte':
      return comparison >= 0;
  }
}

function isOperator(name: string): name is Operator {
  return (OPERATORS as readonly string[]).includes(name);
}

function operandsOf(table: Table, column: string, operator: Operator, operand: unknown): readonly unknown[] {
  if (operator !== 'in') return [table.canonical(column, operand)];
  if (!Array.isArray(operand)) throw invalidArgument('where', `'in' takes an array (column ${JSON.stringify(column)})`);
  if (operand.length > IN_VALUES_MAX) throw invalidArgument('where', `'in' takes at most ${IN_VALUES_MAX} values`);
  return operand.map((value) => table.canonical(column, value));
}
