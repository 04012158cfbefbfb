import { LRUCache } from 'lru-cache';
import type { RecencyCache, RecencyCacheSetup } from '../index.ts';

/** A recency cache made of `lru-cache`. Its memory for `capacity` values is taken at once. */
export function lruRecencyCache<V extends object>({ capacity, onEvicted }: RecencyCacheSetup<V>): RecencyCache<V> {
  const cache = new LRUCache<number, V>({
    max: capacity,
    noDisposeOnSet: true,
    dispose: (value, place) => onEvicted(value, place),
  });
  return {
    peek: (place) => cache.peek(place),
    set: (place, value) => {
      cache.set(place, value);
    },
    newestFirst: () => cache.values(),
    get size() {
      return cache.size;
    },
  };
}
