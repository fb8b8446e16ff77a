import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  createRpcClient,
  createRpcServer,
  defineContract,
  method,
  oneway,
  type ClientOf,
  type HandlersOf,
} from './index.ts'

const contract = defineContract('shop.Account', {
  debit: method<{ user: string; amount: number }, { balance: number }>(),
  balanceOf: method<string, number>({ isIdempotent: true, timeoutMs: 500 }),
  noted: oneway<{ text: string }>(),
})

type Methods = (typeof contract)['methods']

describe('a contract', () => {
  test('types the client', () => {
    const use = async (client: ClientOf<Methods>): Promise<void> => {
      const { balance } = await client.debit({ user: 'ada', amount: 5 }, { timeoutMs: 100 })
      const sum: number = balance + (await client.balanceOf('ada'))
      const nothing: void = await client.noted({ text: String(sum) })
      // @ts-expect-error: amount is missing
      await client.debit({ user: 'ada' })
      // @ts-expect-error: a number is no text
      await client.noted({ text: 5 })
      // @ts-expect-error: the result is a number
      const text: string = await client.balanceOf('ada')
      // @ts-expect-error: no such method
      await client.credit({ user: 'ada', amount: 5 })
      return void [nothing, text]
    }
    assert.equal(typeof use, 'function')
  })

  test('types the handlers', () => {
    const good: HandlersOf<Methods> = {
      debit: ({ user, amount }) => ({ balance: user.length - amount }),
      balanceOf: async (user, call) => (call.signal.aborted ? 0 : user.length),
      noted: () => {},
    }
    const bad = {
      ...good,
      // @ts-expect-error: the result must be a number
      balanceOf: (() => 'much') satisfies HandlersOf<Methods>['balanceOf'],
    }
    // @ts-expect-error: two handlers are missing
    const few: HandlersOf<Methods> = { debit: good.debit }
    assert.ok(bad !== undefined && few !== undefined)
  })

  test('names the service as SOFARPC does', () => {
    const nameOf = (...parameters: Parameters<typeof defineContract>): string =>
      defineContract(...parameters).serviceName
    assert.equal(nameOf('shop.Account', {}), 'shop.Account:1.0')
    assert.equal(nameOf('shop.Account', {}, { version: '2.0' }), 'shop.Account:2.0')
    assert.equal(nameOf('shop.Account', {}, { uniqueId: 'east' }), 'shop.Account:1.0:east')
  })

  for (const name of ['', 'a:b', 'a b', 'a@b', 'a#b']) {
    test(`refuses the interface name ${JSON.stringify(name)}`, () => {
      assert.throws(() => defineContract(name, {}), { code: 'SETTEE_RPC_BAD_CONTRACT' })
    })
  }

  test('is served once, and whole', () => {
    const server = createRpcServer({ application: 'account' })
    const handlers: HandlersOf<Methods> = {
      debit: () => ({ balance: 0 }),
      balanceOf: () => 0,
      noted: () => {},
    }
    const partly = { debit: handlers.debit } as unknown as typeof handlers
    assert.throws(() => server.serve(contract, partly), { code: 'SETTEE_RPC_BAD_CONTRACT' })
    server.serve(contract, handlers)
    assert.throws(() => server.serve(contract, handlers), { code: 'SETTEE_RPC_BAD_CONTRACT' })
  })

  test('needs addresses or a registry to be called', () => {
    const rpc = createRpcClient({ application: 'order' })
    assert.throws(() => rpc.client(contract), { code: 'SETTEE_RPC_BAD_CONTRACT' })
    rpc.close()
    assert.throws(() => rpc.client(contract), { code: 'SETTEE_RPC_CLOSED' })
  })
})
