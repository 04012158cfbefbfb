/** A `subscribe` from a time that the group's order has not come beyond yet: it is answered when it has. */
import type { CommitTime } from '../../../certifier/types.ts';
import { RequestError, timeout } from '../errors.ts';
import type { RequestId, Session, WaitingRequest } from './session.ts';

/** `open`: opens it, as of then, and gives the answer. @throws RequestError */
export function subscribeWhenReached(
  session: Session,
  id: RequestId,
  { time, waitMs, open }: { readonly time: CommitTime; readonly waitMs: number; readonly open: () => object },
): void {
  const { replica, deadlines, clock } = session.engine;
  let isReached = false;
  let isWaiting = false;
  const answer = (): void => {
    try {
      session.succeed(id, open());
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      session.refuse(id, error);
    }
  };
  const waiter = replica.whenTimeReached(time, () => {
    isReached = true;
    if (!isWaiting) return;
    end();
    answer();
  });
  if (isReached) return answer();
  isWaiting = true;
  const request: WaitingRequest = {
    id,
    giveUp: (error) => {
      waiter.cancel();
      end();
      session.refuse(id, error);
    },
  };
  const deadline = deadlines.add(clock.monotonicMs() + waitMs, () => request.giveUp(timeout('from', waitMs)));
  const end = (): void => {
    session.waiting.delete(request);
    deadlines.remove(deadline);
  };
  session.waiting.add(request);
}
