export { Assembler, type AssemblerSetup, type Ordered } from './assembler.ts';
export { type Compression, runLengthCompression } from './compression.ts';
export { isLastFragment } from './fragment.ts';
export { Fragmenter, type FragmenterOptions, type Part } from './fragmenter.ts';
export { type MessageLog, primedAssembler, readMessages } from './read-messages.ts';
