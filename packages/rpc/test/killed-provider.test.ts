/** A provider process is killed again and again under load, and started again at the same port. */
import assert from 'node:assert/strict'
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { test, type TestContext } from 'node:test'
import { isSetteeError } from '@settee/kit'
import { createClient } from './cluster.ts'
import { workContract } from './work-contract.ts'

interface Provider {
  readonly child: ChildProcess
  readonly address: string
}

async function startProvider(t: TestContext, name: string, port = '0'): Promise<Provider> {
  const child = fork(new URL('./provider-process.ts', import.meta.url), [name, port])
  t.after(() => child.kill('SIGKILL'))
  const [address] = (await once(child, 'message')) as [string]
  return { child, address }
}

async function kill({ child }: Provider): Promise<void> {
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

test('every call settles; what may be repeated succeeds, what may not fails as lost', async (t) => {
  const stable = await startProvider(t, 'stable')
  let mortal = await startProvider(t, 'mortal')
  const addresses = [stable.address, mortal.address]
  const rpc = createClient(t, { balancing: 'roundRobin', backoff: { minMs: 5, maxMs: 20 } })
  const client = rpc.client(workContract, { addresses })

  let isOver = false
  let lost = 0
  const answered: Record<string, number> = { stable: 0, mortal: 0 }
  const runLane = async (call: (request: number) => Promise<string>): Promise<void> => {
    for (let i = 0; !isOver; i++) {
      try {
        answered[await call(i)]!++
      } catch (error) {
        if (!isSetteeError(error, 'SETTEE_RPC_CONNECTION_LOST')) throw error
        if (call === client.read) throw error
        lost++
      }
    }
  }
  const lanes = Promise.all(
    [client.read, client.write].flatMap((call) => Array.from({ length: 16 }, () => runLane(call))),
  )
  // A lane that fails ends the waiting below.
  const untilMortalAnswers = async (): Promise<void> => {
    const before = answered['mortal']!
    while (answered['mortal']! < before + 50) {
      await Promise.race([lanes, new Promise((resolve) => setTimeout(resolve, 5))])
    }
  }

  for (let round = 0; round < 3; round++) {
    await untilMortalAnswers()
    await kill(mortal)
    mortal = await startProvider(t, 'mortal', mortal.address.split(':')[1]!)
  }
  await untilMortalAnswers()
  isOver = true
  await lanes
  assert.ok(lost > 0, 'some calls were running when the process died')
  assert.ok(lost <= 3 * 16, `${lost} calls were lost, but no more can have been running`)
})
