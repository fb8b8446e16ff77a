/** The Node side of the console: where the built site lies, and how it comes to be there. */
export { buildConsole, consoleDir } from './build-console.ts'
export { consoleErrors } from './errors.ts'
