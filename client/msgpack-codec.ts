/** The subprotocol of binary frames, over the msgpackr library. */
import { Packr, Unpackr } from 'msgpackr';
import type { Codec } from './core/environment.ts';

/** The library knows one more way to read 64-bit integers than its types say: numbers where they fit, else bigints. */
const INTEGERS = { int64AsType: 'auto' as unknown as 'bigint' };

const packer = new Packr({ useRecords: false, variableMapSize: true, moreTypes: false });
const unpacker = new Unpackr({ useRecords: false, mapsAsObjects: true, copyBuffers: true, ...INTEGERS });
/** For the rare frame with a name that an object literal would take for its prototype. */
const unpackerToMaps = new Unpackr({ useRecords: false, mapsAsObjects: false, copyBuffers: true, ...INTEGERS });

export const msgpackCodec: Codec = {
  subprotocol: 'concert.v1.msgpack',
  encode: (messages) => packer.pack(messages.length === 1 ? messages[0] : messages),
  decode(frame) {
    if (typeof frame === 'string') throw new Error('a text frame; this subprotocol has binary frames');
    // Of a plain array of bytes the library makes plain arrays of bytes, and twice as fast as of a Buffer.
    const bytes = new Uint8Array(frame.buffer, frame.byteOffset, frame.length);
    if (Buffer.prototype.includes.call(bytes, '__proto__', 0, 'latin1')) return objectsOf(unpackerToMaps.unpack(bytes));
    return unpacker.unpack(bytes);
  },
  bytesOf: (frame) => frame.length,
};

function objectsOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(objectsOf);
  if (!(value instanceof Map)) return value;
  return Object.fromEntries([...value].map(([name, part]) => [name, objectsOf(part)]));
}
