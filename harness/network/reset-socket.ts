import type { Socket } from 'node:net';

/**
 * Ends a connection by a reset, at once: what waits to be written is gone. Where the end of it was sent before, it is
 * only closed; nothing can be reset then. `Socket.resetAndDestroy` would first write what waits, and hangs at a shutdown
 * that is under way.
 */
export function resetSocket(socket: Socket): void {
  if (!socket.writableEnded && !socket.connecting) {
    (socket as Socket & { resetAndClosing?: boolean }).resetAndClosing = true;
  }
  socket.destroy();
}
