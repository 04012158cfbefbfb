import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSysbench } from './sysbench.ts';

const OUTPUT = `sysbench 1.0.20 (using system LuaJIT 2.1.0-beta3)

Running the test with following options:
Number of threads: 2

Latency histogram (values are in milliseconds)
       value  ------------- distribution ------------- count
       0.981 |*                                        10
       2.000 |************************                 60
       4.000 |********                                 26
       9.500 |*                                        3
      21.000 |                                         1

SQL statistics:
    queries performed:
        read:                            0
        write:                           100
        other:                           0
        total:                           100
    transactions:                        100    (50.00 per sec.)
    queries:                             100    (50.00 per sec.)
    ignored errors:                      7      (3.50 per sec.)
    reconnects:                          0      (0.00 per sec.)

General statistics:
    total time:                          2.0001s
    total number of events:              100

Latency (ms):
         min:                                    0.90
         avg:                                    2.80
         max:                                   21.37
         99th percentile:                        9.56
         sum:                                  280.00
`;

test('commits, conflicts and latencies are read from what sysbench prints', () => {
  assert.deepEqual(parseSysbench(OUTPUT), {
    committed: 100,
    aborted: 7,
    seconds: 2.0001,
    latencyMs: { p50: 2, p95: 4, p99: 9.5, max: 21.37 },
  });
});

test('output without the figures is told from a report', () => {
  assert.equal(parseSysbench('FATAL: unable to connect to MySQL server'), null);
});
