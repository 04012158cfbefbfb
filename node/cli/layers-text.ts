/** Where the time of commits went, in a few words. */
import type { CommitLayers } from '../../client/index.ts';

export function layersText({ l2Ms, l1Ms, l0Ms }: CommitLayers): string {
  const [order, execution, disk] = [l2Ms, l1Ms, l0Ms].map((ms) => (ms >= 100 ? ms.toFixed(0) : ms.toFixed(2)));
  return `order ${order} ms, execution ${execution} ms, disk ${disk} ms`;
}
