/** What the shell refuses by itself, without asking a member. */
export class ShellError extends Error {
  override readonly name = 'ShellError';
}
