/** Messages of the statements, from what a program says. Used for transactions and for statements on their own alike. */
import type {
  CountArguments,
  GetArguments,
  Increment,
  Key,
  RowsArguments,
  ScanArguments,
  Step,
  Target,
} from '../types.ts';
import type { Message } from './check-message.ts';

export function getMessage(table: string, key: Key, options: GetArguments | undefined): Message {
  const message: Message = { id: 0, op: 'get', table, key };
  if (options?.columns !== undefined) message.columns = options.columns;
  if (options?.forUpdate !== undefined) message.forUpdate = options.forUpdate;
  return message;
}

export function getManyMessage(table: string, keys: readonly Key[], options: GetArguments | undefined): Message {
  const message: Message = { id: 0, op: 'getMany', table, keys };
  if (options?.columns !== undefined) message.columns = options.columns;
  if (options?.forUpdate !== undefined) message.forUpdate = options.forUpdate;
  return message;
}

export function scanMessage(table: string, selection: ScanArguments | undefined): Message {
  return { ...selection, id: 0, op: 'scan', table };
}

export function pageMessage(table: string, selection: RowsArguments | undefined, cursor: string | null): Message {
  const { pageSize = PAGE_SIZE, ...rest } = selection ?? {};
  if (cursor !== null) return { id: 0, op: 'scan', table, cursor, limit: pageSize };
  return { ...rest, id: 0, op: 'scan', table, limit: pageSize };
}

const PAGE_SIZE = 500;

export function countMessage(table: string, selection: CountArguments | undefined): Message {
  return { ...selection, id: 0, op: 'count', table };
}

export function rowMessage(op: 'insert' | 'put', table: string, row: object): Message {
  return { id: 0, op, table, row };
}

export function updateMessage(
  table: string,
  target: Target,
  set: object,
  options: { readonly if?: object } | undefined,
): Message {
  const message: Message = isKey(target)
    ? { id: 0, op: 'update', table, key: target, set }
    : { ...target, id: 0, op: 'update', table, set };
  if (options?.if !== undefined) message.if = options.if;
  return message;
}

export function deleteMessage(table: string, target: Target, options: { readonly if?: object } | undefined): Message {
  const message: Message = isKey(target)
    ? { id: 0, op: 'delete', table, key: target }
    : { ...target, id: 0, op: 'delete', table };
  if (options?.if !== undefined) message.if = options.if;
  return message;
}

export function incrementMessage(table: string, key: Key, change: Increment): Message {
  return { ...change, id: 0, op: 'increment', table, key };
}

export function transactMessage(steps: readonly Step[]): Message {
  return { id: 0, op: 'transact', steps };
}

/** What a program asks by the name of the operation. */
export function rawMessage(op: string, args: object | undefined): Message {
  return { ...args, id: 0, op };
}

function isKey(target: Target): target is Key {
  return typeof target !== 'object' || target === null || Array.isArray(target) || target instanceof Uint8Array;
}
