/** The image codec as members use it. */
import { Packr } from 'msgpackr';
import type { ImageCodec } from '../image-codec.ts';

const packr = new Packr({ useRecords: false, int64AsType: 'bigint' });

export const testImageCodec: ImageCodec = {
  encode: (value) => Uint8Array.from(packr.pack(value)),
  decode: (image) => packr.unpack(image),
};
