/** All statements by the name of their operation. */
import { count } from './count.ts';
import { deleteRows } from './delete.ts';
import { describe, tables } from './describe.ts';
import { get } from './get.ts';
import { getMany } from './get-many.ts';
import { increment } from './increment.ts';
import { insert } from './insert.ts';
import { put } from './put.ts';
import { scan } from './scan.ts';
import type { Statement } from './statement.ts';
import { update } from './update.ts';

export const STATEMENTS: ReadonlyMap<string, Statement> = new Map([
  ['get', get],
  ['getMany', getMany],
  ['scan', scan],
  ['count', count],
  ['insert', insert],
  ['put', put],
  ['update', update],
  ['delete', deleteRows],
  ['increment', increment],
  ['tables', tables],
  ['describe', describe],
]);
