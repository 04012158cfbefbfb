/** Row images as the members of production encode them. */
import { Packr } from 'msgpackr';
import type { ImageCodec } from '../../node/engine/index.ts';

const packr = new Packr({ useRecords: false, int64AsType: 'bigint' });

export const imageCodec: ImageCodec = {
  encode: (value) => Uint8Array.from(packr.pack(value)),
  decode: (image) => packr.unpack(image),
};
