export { BenchError } from './bench-error.ts';
export { main } from './main.ts';
export { type BenchOptions, parseOptions } from './options.ts';
export type { BenchReport, RunReport, Spread } from './report.ts';
export { type Progress, runBenchmark } from './run.ts';
