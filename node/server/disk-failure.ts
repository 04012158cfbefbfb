import { LaneError } from '../../applier/lanes/index.ts';
import { DiskError } from '../../gcs/base/index.ts';
import { ServerError } from './server-error.ts';

/** What a failed disk means to the operator; any other error is left as it is. */
export function diskFailure(error: Error, dataDirectory: string): Error {
  if (!(error instanceof DiskError) && !(error instanceof LaneError)) return error;
  const isFull = error instanceof DiskError ? error.code === 'NO_SPACE' : /no space left/i.test(error.message);
  const message = isFull
    ? `${dataDirectory}: the disk is full: make room, then start again (${error.message})`
    : `${dataDirectory}: the disk failed, and nothing more is promised: see to it, then start again (${error.message})`;
  return new ServerError({ code: 'DISK', message, cause: error });
}
