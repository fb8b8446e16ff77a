/** What the providers of the multi-process tests offer. */
import { defineContract, method, type Contract, type Method } from '../src/index.ts'

export const workContract: Contract<{
  readonly read: Method<number, string>
  readonly write: Method<number, string>
}> = defineContract('test.Work', {
  read: method<number, string>({ isIdempotent: true }),
  write: method<number, string>(),
})
