/** gRPC: `@grpc/grpc-js` here, grpc-java with Seata's interceptors there. */
import assert from 'node:assert/strict'
import grpc from '@grpc/grpc-js'
import { currentContext } from '@settee/kit'
import { createXidInterceptor, runWithXid, xidOfMetadata } from '@settee/tx'
import type { JavaProgram } from '../harness-java.ts'
import type { CheckGroup } from '../harness-report.ts'

const xid = '127.0.0.1:8091:4611686018427387905'
const toBytes = (text: string): Buffer => Buffer.from(text)
const toText = (bytes: Buffer): string => bytes.toString()
const method = {
  path: '/interop.Context/Describe',
  requestStream: false,
  responseStream: false,
  requestSerialize: toBytes,
  requestDeserialize: toText,
  responseSerialize: toBytes,
  responseDeserialize: toText,
} as const

export async function checkGrpc(
  group: CheckGroup,
  java: JavaProgram,
  javaPort: number,
): Promise<void> {
  const client = new grpc.Client(`127.0.0.1:${javaPort}`, grpc.credentials.createInsecure(), {
    interceptors: [createXidInterceptor(grpc)],
  })
  const call = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const { path, requestSerialize, responseDeserialize } = method
      const deadline = Date.now() + 10_000
      client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        '',
        { deadline },
        (error, answer) => (error === null ? resolve(answer!) : reject(error)),
      )
    })
  await group.check('Java is called in our transaction', async () => {
    assert.equal(await runWithXid(xid, call), `${xid} AT`)
  })
  await group.check('Java has left it when the call is over', async () => {
    assert.equal(await call(), 'none none')
  })
  client.close()

  const arrived: string[] = []
  const server = new grpc.Server()
  server.addService(
    { describe: method },
    {
      describe(request: grpc.ServerUnaryCall<string, string>, answer: grpc.sendUnaryData<string>) {
        arrived.push(String(request.metadata.get('tx_branch_type')[0] ?? 'none'))
        runWithXid(xidOfMetadata(request.metadata), () =>
          answer(null, currentContext().xid ?? 'none'),
        )
      },
    },
  )
  const port = await runWithXid(
    '127.0.0.1:8091:1',
    () =>
      new Promise<number>((resolve, reject) => {
        server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
          error === null ? resolve(bound) : reject(error),
        )
      }),
  )
  try {
    await group.check('we are called in a transaction of Java', async () => {
      assert.equal((await java.request('callGrpc', { port, xid })).text, xid)
      return `branch type ${arrived.at(-1)}`
    })
    await group.check('we are called in none when Java is in none', async () => {
      assert.equal((await java.request('callGrpc', { port })).text, 'none')
    })
  } finally {
    server.forceShutdown()
  }
}
