export * from './assert.ts';
export * from './bytes.ts';
export * from './crc32c.ts';
export * from './environment.ts';
export * from './hash.ts';
export * from './ids.ts';
export * from './seeded-random.ts';
export * from './utf8.ts';
