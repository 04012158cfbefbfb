export * from './lru-recency-cache.ts';
