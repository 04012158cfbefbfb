/**
 * Loaded into a member by `--import`: its connections to the ports in REDIRECT_CONNECTIONS (`from:to,…`) go to others,
 * where a test stands in between. A member knows its peers by the addresses that they have since the group was
 * created, so that nothing but the dialling itself can be bent.
 */
import net from 'node:net';

const redirected = new Map(
  (process.env.REDIRECT_CONNECTIONS ?? '').split(',').map((pair) => pair.split(':').map(Number) as [number, number]),
);

const connect = net.Socket.prototype.connect;
net.Socket.prototype.connect = function (this: net.Socket, ...args: unknown[]) {
  // As `net.connect` hands them over: an array of options and callback.
  const [first] = args;
  const options = (Array.isArray(first) ? first[0] : first) as { port?: number | string } | undefined;
  const to = redirected.get(Number(options?.port));
  if (options !== undefined && to !== undefined) options.port = to;
  return Reflect.apply(connect, this, args);
} as typeof connect;
