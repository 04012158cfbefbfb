/** The client as this project's own programs use it, in Node. Published are `node.ts` and `browser.ts`, each as a whole. */
export * from './node.ts';
