/** What the empty pages tell a newcomer to write. */

export const registerSnippet: string = `import { contract, serve } from '@settee/rpc'

const greeter = contract<{
  hello(name: string): string
}>('com.example.Greeter:1.0')

await serve(greeter, {
  hello: (name) => \`Hello, \${name}\`,
})`

export const transactionSnippet: string = `import { connectTx } from '@settee/tx'

const tx = await connectTx({ application: 'shop' })

await tx.run({ name: 'purchase', timeoutMs: 10_000 }, async () => {
  await stock.take(item)
  await account.pay(price)
})`
