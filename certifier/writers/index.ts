export * from './cached-writer-table.ts';
export { packedInSmallBlocks, packedWriterTable } from './packed-writer-table.ts';
export * from './writer-table.ts';
