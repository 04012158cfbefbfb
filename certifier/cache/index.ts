import { cachedWriterTable } from '../index.ts';
import { lruRecencyCache } from './lru-recency-cache.ts';

export * from './lru-recency-cache.ts';
/** A writer table whose items `lru-cache` keeps. */
export const lruWriterTable = cachedWriterTable(lruRecencyCache);
